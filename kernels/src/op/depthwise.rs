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
        if let Some(own) = self.own_scratch(x, y) {
            return self.ring_bytes(x).max(own);
        }
        if in_place { self.ring_bytes(x) } else { 0 }
    }

    /// Scratch of the layout's own kernel; `None` where it has none for these shapes and types.
    fn own_scratch(&self, x: &TensorSpec, y: &TensorSpec) -> Option<usize> {
        match self.accumulate.layout {
            Layout::Rows => None,
            Layout::Dsp => Some(armv7em::depthwise::scratch(self, x, y)),
            Layout::Mve => mve::depthwise::scratch(self, x, y),
        }
    }

    /// Bytes of the input rows that are kept.
    fn ring_bytes(&self, x: &TensorSpec) -> usize {
        let [pad, _] = self.geometry.pad;
        let row = product(x.pixel_bytes(), usize::from(x.dims.w));
        row.and_then(|row| product(row, usize::from(pad) + 1)).unwrap_or(usize::MAX)
    }

    /// Whether `y` may be written over `x`: no more rows, columns or bytes per element.
    pub fn in_place(&self, x: &TensorSpec, y: &TensorSpec) -> bool {
        super::forward_in_place(x, y)
    }
}
