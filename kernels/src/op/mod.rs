//! What each operator takes, one file per operator: parameters, the checks behind the no-panic contract,
//! scratch needs, and whether the result may be written over an operand.
//!
//! `check` looks at shapes, types and constants only, so the loader of a model can call it before any
//! arena exists; a kernel calls the same function first. Where a result may share bytes with an operand is an
//! [`Overlap`] of each.

mod accumulate;
mod add;
mod concat;
mod conv2d;
mod dense;
mod depthwise;
mod overlap;
mod pool;
mod rescale;
mod table;
#[cfg(test)]
mod tests;
mod window;

pub use accumulate::Accumulate;
pub(crate) use accumulate::Packed;
pub use add::Add;
pub use concat::Concat;
pub use conv2d::{Conv2d, Geometry};
pub use dense::Dense;
pub use depthwise::Depthwise;
pub use overlap::{Overlap, elementwise};
pub use pool::{AveragePool, MaxPool, PoolGeometry};
pub use rescale::Rescale;
pub use table::Table;
pub use window::Window;

use crate::numerics::{Clamp, MAX_RESCALE_SHIFT};
use crate::{Dtype, KernelError, TensorSpec};

/// Checks the operands of an operator with weights.
pub(crate) fn check_specs(
    x: &TensorSpec,
    residual: Option<&TensorSpec>,
    y: &TensorSpec,
) -> Result<(), KernelError> {
    x.check()?;
    y.check()?;
    if let Some(residual) = residual {
        residual.check()?;
    }
    Ok(())
}

/// Checks that a clamp is not empty and inside the result's type.
pub(crate) fn check_clamp(clamp: Clamp, dtype: Dtype) -> Result<(), KernelError> {
    let (lo, hi) = dtype.range();
    if clamp.lo > clamp.hi || i32::from(clamp.lo) < lo || i32::from(clamp.hi) > hi {
        return Err(KernelError::InvalidClamp);
    }
    Ok(())
}

/// Checks the shift of a 32-bit rescale.
pub(crate) fn check_rescale_shift(shift: u8) -> Result<(), KernelError> {
    if shift > MAX_RESCALE_SHIFT { Err(KernelError::InvalidShift { shift }) } else { Ok(()) }
}

/// Checks the number of entries of a constant.
pub(crate) fn check_entries(have: usize, need: usize) -> Result<(), KernelError> {
    if have == need {
        Ok(())
    } else {
        Err(KernelError::InvalidConstants { need: need as u32, have: have as u32 })
    }
}
