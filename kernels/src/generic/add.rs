//! Residual addition.

use crate::op::Add;
use crate::tensor::{read, write};
use crate::{KernelError, Tensor, numerics};

/// Residual addition, see [`Add`].
///
/// # Errors
/// Those of [`Add::check`].
pub fn add(a: &Tensor, b: &Tensor, op: &Add, y: &Tensor) -> Result<(), KernelError> {
    op.check(&a.spec(), &b.spec(), &y.spec())?;
    let (rows, columns, channels) = y.spec().dims.hwc();
    let (a_type, b_type, y_type) = (a.spec().dtype, b.spec().dtype, y.spec().dtype);
    for h in 0..rows {
        for w in 0..columns {
            let (pa, pb, py) = (a.pixel(h, w), b.pixel(h, w), y.pixel(h, w));
            for c in 0..channels {
                let sum = numerics::rescale_sum(
                    read(pa, a_type, c),
                    op.a_multiplier,
                    read(pb, b_type, c),
                    op.b_multiplier,
                    op.offset,
                    op.shift,
                    op.clamp,
                );
                write(py, y_type, channels, c, sum);
            }
        }
    }
    Ok(())
}
