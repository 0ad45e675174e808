//! From samples to the numbers of the integer network's input tensor, and from those to real values.

use super::BatchError;
use crate::calibrate::QuantParams;
use crate::data::{Dataset, RawKind};
use crate::integer::{RealInput, pack};

/// Numbers of the input tensor and their meaning: `real_c = scale_c * (q - zero_c)`, `q` in -128..=127.
///
/// Unsigned bytes are stored minus 128, signed bytes as they are, real samples quantised (their real value is then
/// that of the nearest number).
#[derive(Clone, Debug)]
pub struct InputCode {
    scale: Vec<f64>,
    /// As the data set declares it, for numbers that `origin` was not taken from.
    zero: Vec<f64>,
    origin: f64,
    real: RealInput,
}

impl InputCode {
    /// The code of a data set. `params` are the scale and zero point of the network's input; only real-valued
    /// samples need them, integers bring their own.
    ///
    /// # Errors
    /// [`BatchError::NoScale`] for real-valued samples without `params`.
    pub fn of(data: &Dataset, params: Option<QuantParams>) -> Result<Self, BatchError> {
        if let Some(raw) = data.raw() {
            let origin = if raw.kind == RawKind::U8 { 128.0 } else { 0.0 };
            let real = RealInput::new(QuantParams { scale: 1.0, zero_point: 0 });
            return Ok(Self { scale: raw.scale, zero: raw.zero, origin, real });
        }
        let params = params.ok_or_else(|| BatchError::NoScale { name: data.name.clone() })?;
        let channels = data.shape.c;
        Ok(Self {
            scale: vec![params.scale; channels],
            zero: vec![f64::from(params.zero_point); channels],
            origin: 0.0,
            real: RealInput::new(params),
        })
    }

    /// Writes sample `index` as the input tensor holds it: rows, columns, channels.
    ///
    /// # Panics
    /// When `index` is not a sample or `out` is not of the shape's length.
    pub fn pack(&self, data: &Dataset, index: usize, out: &mut [i8]) {
        pack(data, index, self.real, bytemuck::cast_slice_mut(out));
    }

    /// Writes the real values of packed samples, channels last: what the float network takes.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn real(&self, packed: &[i8], out: &mut [f32]) {
        assert_eq!(packed.len(), out.len(), "one real value per number");
        let channels = self.scale.iter().zip(&self.zero).cycle();
        for ((y, &q), (s, z)) in out.iter_mut().zip(packed).zip(channels) {
            *y = (s * (f64::from(q) + self.origin - z)) as f32;
        }
    }

    /// The number nearest to real 0 in every channel.
    pub fn zeros(&self) -> Vec<i8> {
        let nearest = |z: &f64| (z - self.origin).round_ties_even().clamp(-128.0, 127.0) as i8;
        self.zero.iter().map(nearest).collect()
    }
}
