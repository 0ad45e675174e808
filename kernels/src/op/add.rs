//! Residual addition of two tensors of different scale and width.

use super::{check_clamp, check_rescale_shift};
use crate::arch::armv7em;
use crate::linked;
use crate::numerics::Clamp;
use crate::{KernelError, TensorSpec};

/// `y = clamp((a * m_a + b * m_b + offset) >> shift)`, element by element; 16-bit multipliers, so that one
/// SMLAD does both. The result may be written over either operand ([`super::elementwise`]).
#[derive(Clone, Copy, Debug)]
pub struct Add {
    /// Multiplier of the first operand.
    pub a_multiplier: i16,
    /// Multiplier of the second operand.
    pub b_multiplier: i16,
    /// Rounding term and zero points.
    pub offset: i32,
    /// Shift.
    pub shift: u8,
    /// Limits of the result.
    pub clamp: Clamp,
}

impl Add {
    /// Checks shapes and types.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(&self, a: &TensorSpec, b: &TensorSpec, y: &TensorSpec) -> Result<(), KernelError> {
        self.check_with(linked::PORTABLE, a, b, y)
    }

    /// The same where portable kernels are linked or not; what is wrong with a step is said before what a build lacks.
    #[inline(always)]
    pub(super) fn check_with(
        &self,
        portable: bool,
        a: &TensorSpec,
        b: &TensorSpec,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        a.check()?;
        b.check()?;
        y.check()?;
        if a.dims != y.dims || b.dims != y.dims {
            return Err(KernelError::InvalidShape);
        }
        check_rescale_shift(self.shift)?;
        check_clamp(self.clamp, y.dtype)?;
        linked::need(portable || armv7em::takes_add(a, b, y))
    }
}
