//! One part of a concatenation along the channels.

use crate::op::Concat;
use crate::tensor::{read, write};
use crate::{KernelError, Tensor, numerics};

/// Writes one part of a concatenation, see [`Concat`].
///
/// # Errors
/// Those of [`Concat::check`].
pub fn concat(x: &Tensor, op: &Concat, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let (rows, columns, parts) = x.spec().dims.hwc();
    let (x_type, y_type) = (x.spec().dtype, y.spec().dtype);
    let (first, channels) = (usize::from(op.first), usize::from(y.spec().dims.c));
    for h in 0..rows {
        for w in 0..columns {
            let (px, py) = (x.pixel(h, w), y.pixel(h, w));
            for c in 0..parts {
                let value =
                    numerics::rescale(read(px, x_type, c), op.multiplier, op.offset, op.shift, op.clamp);
                write(py, y_type, channels, first + c, value);
            }
        }
    }
    Ok(())
}
