//! Depthwise convolution: one kernel per channel, as many channels out as in.

use super::{Accumulate, Geometry};
use crate::arch::{armv7em, mve};
use crate::size::product;
use crate::{KernelError, Layout, TensorSpec};

/// Depthwise convolution `[h, w, c] -> [oh, ow, c]`, weights `[kh * kw, c]`: a packed row per tap.
///
/// # Memory
/// Layout `rows`: no scratch when input and result are apart. In place ([`Depthwise::in_place`]) the scratch holds the
/// `pad_top + 1` input rows that the result has overwritten ([`Depthwise::scratch_bytes`]).
#[derive(Clone, Copy, Debug)]
pub struct Depthwise<'a> {
    /// Taps.
    pub geometry: Geometry,
    /// Weights and requantisation.
    pub accumulate: Accumulate<'a>,
}

impl Depthwise<'_> {
    /// Checks shapes, types and constants.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        self.geometry.check()?;
        if x.dims.c != y.dims.c {
            return Err(KernelError::InvalidShape);
        }
        self.accumulate.check(x, residual, y, (self.geometry.taps(), usize::from(x.dims.c)), None)
    }

    /// Bytes of scratch. Where a layout has a kernel of its own always those of the ring, and what that kernel needs.
    pub fn scratch_bytes(&self, x: &TensorSpec, y: &TensorSpec, in_place: bool) -> usize {
        let [pad, _] = self.geometry.pad;
        let own = match self.accumulate.layout {
            Layout::Rows | Layout::Words => None,
            Layout::Dsp => Some(armv7em::depthwise::scratch(self, x, y)),
            Layout::Mve => mve::depthwise::scratch(self, x, y),
        };
        if !in_place && own.is_none() {
            return 0;
        }
        let row = product(x.pixel_bytes(), usize::from(x.dims.w));
        let ring = row.and_then(|row| product(row, usize::from(pad) + 1)).unwrap_or(usize::MAX);
        ring.max(own.unwrap_or(0))
    }

    /// Whether `y` may be written over `x`: no more rows, columns or bytes per element.
    pub fn in_place(&self, x: &TensorSpec, y: &TensorSpec) -> bool {
        super::forward_in_place(x, y)
    }
}
