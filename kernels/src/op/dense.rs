//! Fully connected layer.

use super::{Accumulate, Overlap, Packed, check_specs, overlap};
use crate::arch::{self, armv7em};
use crate::layout::dsp::{Blocks, DENSE_CHANNELS};
use crate::layout::mve;
use crate::linked;
use crate::size::product;
use crate::{Dtype, KernelError, Layout, TensorSpec};

/// Fully connected layer `[h, w, c] -> [1, 1, n]`, weights `[n, h * w * c]`.
///
/// # Memory
/// The result may be written over the residual ([`Dense::over_residual`]). Scratch for the widened input unless it is
/// stored in bytes and the weights in rows ([`Dense::scratch_bytes`]).
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a> {
    /// Weights and requantisation.
    pub accumulate: Accumulate<'a>,
}

impl Dense<'_> {
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
        check_specs(x, residual, y)?;
        self.fits(x, residual, y)?;
        linked::need(linked::WIDE || armv7em::finishes_dense(self, residual.is_some(), x, y))
    }

    /// The same for operands that are checked, as those of tensors are, and wherever the results are finished.
    pub(crate) fn fits(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        let (h, w, c) = x.dims.hwc();
        // No overflow on a 32-bit device: the bytes of a checked operand hold two elements at most.
        let (bits, rows, row_len) = (self.accumulate.weight_bits, usize::from(y.dims.c), h * w * c);
        let weights = match self.accumulate.layout.linked() {
            Layout::Dsp => Packed { bytes: self.blocks(x, rows).bytes(), words: true },
            Layout::Mve => Packed { bytes: mve::bytes(bits, rows, row_len), words: false },
            Layout::Rows | Layout::Words => Packed::rows(bits, rows, row_len),
        };
        self.fits_packed(x, residual, y, weights)
    }

    /// The same where the size of the weights is known.
    pub(crate) fn fits_packed(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
        weights: Packed,
    ) -> Result<(), KernelError> {
        if (y.dims.h, y.dims.w) != (1, 1) {
            return Err(KernelError::InvalidShape);
        }
        let Accumulate { weight_bits, layout, .. } = self.accumulate;
        linked::check(weight_bits, residual, layout.linked() != Layout::Rows)?;
        self.accumulate.fits(x, residual, y, weights)
    }

    /// The blocks of weights in layout `dsp` for `rows` results.
    pub fn blocks(&self, x: &TensorSpec, rows: usize) -> Blocks {
        let (h, w, c) = x.dims.hwc();
        let row_len = product(h * w, c).unwrap_or(usize::MAX);
        Blocks { bits: self.accumulate.weight_bits, rows, kernel_rows: 1, row_len, channels: DENSE_CHANNELS }
    }

    /// Bytes of scratch.
    pub fn scratch_bytes(&self, x: &TensorSpec) -> usize {
        let (h, w, c) = x.dims.hwc();
        match self.accumulate.layout.linked() {
            Layout::Dsp => armv7em::dense::scratch(self, x),
            Layout::Mve => arch::mve::dense::scratch(x),
            Layout::Rows | Layout::Words if x.dtype == Dtype::I8 => 0,
            Layout::Rows | Layout::Words => product(h * w, c).unwrap_or(usize::MAX),
        }
    }

    /// Where `y` may be written over a residual; over the input it never may.
    pub fn over_residual(&self, residual: &TensorSpec, y: &TensorSpec) -> Overlap {
        overlap::residual(residual, y, false)
    }
}
