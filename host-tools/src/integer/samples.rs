//! From a data set's samples to the bytes of a network's input.

use std::fmt;

use runtime::Model;
use runtime::format::Scale;
use serde::{Deserialize, Serialize};

use super::IntegerError;
use crate::calibrate::QuantParams;
use crate::data::{Dataset, RawSample};
use crate::lower::dyadic_scale;

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
    let real = RealInput::of(model.interface().input_inverse, model.interface().input.zero.into());
    let mut bytes = vec![0; have];
    pack(data, index, real, &mut bytes);
    Ok(bytes)
}

/// How real samples become input numbers: `round_ties_even(real * factor) + zero`, kept in a byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealInput {
    factor: f64,
    zero: f64,
}

impl RealInput {
    /// The one that a model file with these parameters of its input will have.
    pub(crate) fn new(params: QuantParams) -> Self {
        Self::of(dyadic_scale(1.0 / params.scale), params.zero_point)
    }

    fn of(inverse: Scale, zero: i32) -> Self {
        let factor = f64::from(inverse.mantissa) * 2f64.powi(-i32::from(inverse.shift));
        Self { factor, zero: f64::from(zero) }
    }

    fn quantize(self, real: f32) -> i8 {
        let number = (f64::from(real) * self.factor).round_ties_even() + self.zero;
        number.clamp(-128.0, 127.0) as i8
    }
}

/// Writes sample `index` as the input tensor holds it; `real` is for samples that are no integers.
///
/// # Panics
/// When `index` is not a sample or `out` is not of the shape's length.
pub(crate) fn pack(data: &Dataset, index: usize, real: RealInput, out: &mut [u8]) {
    assert_eq!(out.len(), data.shape.len(), "the buffer must hold one sample");
    match data.raw_sample(index) {
        Some(RawSample::U8(bytes)) => out.iter_mut().zip(bytes).for_each(|(q, b)| *q = b ^ 0x80),
        Some(RawSample::I8(bytes)) => out.copy_from_slice(bytemuck::cast_slice(bytes)),
        None => {
            let mut values = vec![0.0; out.len()];
            data.real(index, &mut values);
            out.iter_mut().zip(values).for_each(|(q, value)| *q = real.quantize(value) as u8);
        }
    }
}
