//! Change of scale, zero point or width.

use crate::op::Rescale;
use crate::tensor::{read, write};
use crate::{KernelError, Tensor, numerics};

/// Rescale, see [`Rescale`].
///
/// # Errors
/// Those of [`Rescale::check`].
pub fn rescale(x: &Tensor, op: &Rescale, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let (rows, columns, channels) = y.spec().dims.hwc();
    let (x_type, y_type) = (x.spec().dtype, y.spec().dtype);
    let per_channel = op.multipliers.len() > 1;
    for h in 0..rows {
        for w in 0..columns {
            let (px, py) = (x.pixel(h, w), y.pixel(h, w));
            for c in 0..channels {
                let entry = if per_channel { c } else { 0 };
                let multiplier = op.multipliers.get(entry).copied().unwrap_or(0);
                let offset = op.offsets.get(entry).copied().unwrap_or(0);
                let value = numerics::rescale(read(px, x_type, c), multiplier, offset, op.shift, op.clamp);
                write(py, y_type, channels, c, value);
            }
        }
    }
    Ok(())
}
