//! Unary functions by table.

use crate::op::Table;
use crate::tensor::{read, write};
use crate::{Dtype, KernelError, Tensor};

/// Table look-up, see [`Table`].
///
/// # Errors
/// Those of [`Table::check`].
pub fn table(x: &Tensor, op: &Table, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let (rows, columns, channels) = y.spec().dims.hwc();
    let (x_type, y_type) = (x.spec().dtype, y.spec().dtype);
    let first = if x_type == Dtype::I8 { -128 } else { 0 };
    for h in 0..rows {
        for w in 0..columns {
            let (px, py) = (x.pixel(h, w), y.pixel(h, w));
            for c in 0..channels {
                let entry = (read(px, x_type, c) - first) as usize;
                let value = op.entries.get(entry).copied().unwrap_or(0);
                write(py, y_type, channels, c, i32::from(value as i8));
            }
        }
    }
    Ok(())
}
