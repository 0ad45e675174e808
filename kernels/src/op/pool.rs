//! Maximum and average pooling; global pooling is a window as large as the input.

use super::{Overlap, check_clamp, check_entries, check_rescale_shift, overlap};
use crate::arch::armv7em;
use crate::linked;
use crate::numerics::Clamp;
use crate::{KernelError, TensorSpec};

use super::Geometry;

/// Windows of a pooling operator (dilation 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolGeometry {
    /// Window rows and columns.
    pub kernel: [u8; 2],
    /// Step between windows.
    pub stride: [u8; 2],
    /// Padding above and to the left.
    pub pad: [u8; 2],
}

impl PoolGeometry {
    /// The same windows as taps of a convolution.
    #[inline(always)]
    pub fn taps(&self) -> Geometry {
        Geometry { kernel: self.kernel, stride: self.stride, dilation: [1, 1], pad: self.pad }
    }

    fn check(&self, x: &TensorSpec, y: &TensorSpec) -> Result<(), KernelError> {
        x.check()?;
        y.check()?;
        self.taps().check()?;
        if x.dims.c != y.dims.c {
            return Err(KernelError::InvalidShape);
        }
        Ok(())
    }

    /// Where `y` may be written over `x`: channel by channel, unless its elements are wider.
    pub fn over_input(&self, x: &TensorSpec, y: &TensorSpec) -> Overlap {
        overlap::ascending(&self.taps(), x, y, y.dtype.bits() > x.dtype.bits())
    }
}

/// Maximum over windows; padded taps are ignored, an empty window gives the type's smallest value.
/// Input and result have the same type, scale and zero point.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool {
    /// Windows.
    pub geometry: PoolGeometry,
    /// Limits of the result: a ReLU behind the pooling costs nothing.
    pub clamp: Clamp,
}

impl MaxPool {
    /// Checks shapes and types.
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
        self.geometry.check(x, y)?;
        if x.dtype != y.dtype {
            return Err(KernelError::UnsupportedType);
        }
        check_clamp(self.clamp, y.dtype)?;
        linked::need(portable || armv7em::takes_max_pool(self, x))
    }
}

/// Average over windows: `y = clamp((sum * m + r) >> shift)`, the window's size is inside `m`.
///
/// With one entry in `multipliers` and `offsets`, padded taps count as the input's zero point. With
/// `kh * kw` entries they do not count, and entry `n - 1` serves a window with `n` taps inside the input.
#[derive(Clone, Copy, Debug)]
pub struct AveragePool<'a> {
    /// Windows.
    pub geometry: PoolGeometry,
    /// Multipliers.
    pub multipliers: &'a [i32],
    /// Rounding terms and zero points.
    pub offsets: &'a [i32],
    /// Shift.
    pub shift: u8,
    /// Limits of the result.
    pub clamp: Clamp,
}

impl AveragePool<'_> {
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
        self.geometry.check(x, y)?;
        let entries = if self.multipliers.len() == 1 { 1 } else { self.geometry.taps().taps() };
        check_entries(self.multipliers.len(), entries)?;
        check_entries(self.offsets.len(), entries)?;
        check_rescale_shift(self.shift)?;
        check_clamp(self.clamp, y.dtype)?;
        linked::need(portable || armv7em::takes_average_pool(self, x, y))
    }
}
