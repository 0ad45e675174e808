//! Strided crop with padding: slices, pads and the channel-padding shortcut of CIFAR ResNets.

use crate::{KernelError, TensorSpec};

/// `y[h, w, c] = x[h * stride_h + offset_h, w * stride_w + offset_w, c + offset_c]` where that lies inside
/// `x`, `fill` elsewhere. Operand and result have the same type, scale and zero point. The result may not
/// overlap the operand.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// First row, column and channel read; negative values pad.
    pub offset: [i16; 3],
    /// Step in rows and columns.
    pub stride: [u8; 2],
    /// Value outside the operand.
    pub fill: i16,
}

impl Window {
    /// Checks shapes and types.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(&self, x: &TensorSpec, y: &TensorSpec) -> Result<(), KernelError> {
        x.check()?;
        y.check()?;
        if x.dtype != y.dtype {
            return Err(KernelError::UnsupportedType);
        }
        if self.stride.contains(&0) {
            return Err(KernelError::InvalidGeometry);
        }
        let (lo, hi) = y.dtype.range();
        if i32::from(self.fill) < lo || i32::from(self.fill) > hi {
            return Err(KernelError::InvalidClamp);
        }
        Ok(())
    }
}
