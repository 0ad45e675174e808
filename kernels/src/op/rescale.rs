//! Change of scale, zero point or width; per channel for input normalisation and stand-alone BatchNorm.

use super::{check_clamp, check_entries, check_rescale_shift};
use crate::arch::armv7em;
use crate::linked;
use crate::numerics::Clamp;
use crate::{KernelError, TensorSpec};

/// `y = clamp((x * m_c + r_c) >> shift)`, with one multiplier and offset for all channels or one each.
/// The result may be written over the operand ([`super::elementwise`]).
#[derive(Clone, Copy, Debug)]
pub struct Rescale<'a> {
    /// Multipliers, may be negative.
    pub multipliers: &'a [i32],
    /// Rounding terms and zero points.
    pub offsets: &'a [i32],
    /// Shift.
    pub shift: u8,
    /// Limits of the result.
    pub clamp: Clamp,
}

impl Rescale<'_> {
    /// Checks shapes, types and constants.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(&self, x: &TensorSpec, y: &TensorSpec) -> Result<(), KernelError> {
        self.check_with(linked::PORTABLE, x, y)
    }

    /// The same where portable kernels are linked or not; what is wrong with a step is said before what a build lacks.
    #[inline(always)]
    pub(super) fn check_with(
        &self,
        portable: bool,
        x: &TensorSpec,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        x.check()?;
        y.check()?;
        if x.dims != y.dims {
            return Err(KernelError::InvalidShape);
        }
        let entries = if self.multipliers.len() == 1 { 1 } else { usize::from(x.dims.c) };
        check_entries(self.multipliers.len(), entries)?;
        check_entries(self.offsets.len(), entries)?;
        check_rescale_shift(self.shift)?;
        check_clamp(self.clamp, y.dtype)?;
        linked::need(portable || armv7em::takes_rescale(self, x, y))
    }
}
