//! From a data set's samples to the bytes of a network's input.

use std::fmt;

use runtime::Model;
use serde::{Deserialize, Serialize};

use super::IntegerError;
use crate::data::{Dataset, RawSample};

/// What a firmware puts into the input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Unsigned bytes, stored minus 128.
    U8,
    /// Signed bytes as they are.
    I8,
    /// Real numbers, quantised with the input's scale and zero point.
    Real,
}

impl fmt::Display for InputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "unsigned-byte",
            Self::I8 => "signed-byte",
            Self::Real => "real-valued",
        })
    }
}

impl InputKind {
    /// The kind of a data set.
    pub fn of(data: &Dataset) -> Self {
        match data.raw().map(|raw| raw.kind) {
            Some(crate::data::RawKind::U8) => Self::U8,
            Some(crate::data::RawKind::I8) => Self::I8,
            None => Self::Real,
        }
    }
}

/// Input bytes of sample `index`.
///
/// # Errors
/// [`IntegerError::Input`] when the sample has another size than the input.
pub fn encode(model: &Model, data: &Dataset, index: usize) -> Result<Vec<u8>, IntegerError> {
    let need = model.interface().input.spec().bytes().unwrap_or(0) as usize;
    let have = data.shape.len();
    if need != have {
        return Err(IntegerError::Input { need, have });
    }
    Ok(match data.raw_sample(index) {
        Some(RawSample::U8(bytes)) => bytes.iter().map(|b| b ^ 0x80).collect(),
        Some(RawSample::I8(bytes)) => bytes.iter().map(|&b| b as u8).collect(),
        None => {
            let mut real = vec![0.0; have];
            data.real(index, &mut real);
            let inverse = model.interface().input_inverse;
            let factor = f64::from(inverse.mantissa) * 2f64.powi(-i32::from(inverse.shift));
            let zero = f64::from(model.interface().input.zero);
            let quantize = |r: &f32| (f64::from(*r) * factor).round_ties_even() + zero;
            real.iter().map(|r| quantize(r).clamp(-128.0, 127.0) as i8 as u8).collect()
        }
    })
}
