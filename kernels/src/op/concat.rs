//! Concatenation along the channels: each part is rescaled to the result's scale.

use super::{check_clamp, check_rescale_shift};
use crate::numerics::Clamp;
use crate::{KernelError, TensorSpec};

/// One part of a concatenation: `y[.., first + c] = clamp((x[.., c] * multiplier + offset) >> shift)`.
/// Parts are written in order of their channels. The result may not overlap an operand.
#[derive(Clone, Copy, Debug)]
pub struct Concat {
    /// First channel of the result.
    pub first: u16,
    /// Multiplier of this part.
    pub multiplier: i32,
    /// Rounding term and zero points of this part.
    pub offset: i32,
    /// Shift.
    pub shift: u8,
    /// Limits of the result.
    pub clamp: Clamp,
}

impl Concat {
    /// Checks shapes and types.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(&self, x: &TensorSpec, y: &TensorSpec) -> Result<(), KernelError> {
        x.check()?;
        y.check()?;
        let last = u32::from(self.first) + u32::from(x.dims.c);
        if (x.dims.h, x.dims.w) != (y.dims.h, y.dims.w) || last > u32::from(y.dims.c) {
            return Err(KernelError::InvalidShape);
        }
        check_rescale_shift(self.shift)?;
        check_clamp(self.clamp, y.dtype)
    }
}
