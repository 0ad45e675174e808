//! Change of scale, zero point or width.

use core::cell::Cell;

use crate::op::Rescale;
use crate::tensor::{read, write};
use crate::{Dtype, KernelError, Tensor, numerics};

/// Rescale, see [`Rescale`].
///
/// # Errors
/// Those of [`Rescale::check`].
pub fn rescale(x: &Tensor, op: &Rescale, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let (rows, columns, channels) = y.spec().dims.hwc();
    let (x_type, y_type) = (x.spec().dtype, y.spec().dtype);
    if let (Dtype::I8, [multiplier], [offset]) = (x_type, op.multipliers, op.offsets) {
        let of = |byte: &Cell<u8>| {
            numerics::rescale(i32::from(byte.get() as i8), *multiplier, *offset, op.shift, op.clamp) as u8
        };
        if y_type == Dtype::I8 {
            x.cells().iter().zip(y.cells()).for_each(|(x, y)| y.set(of(x)));
            return Ok(());
        }
        // Without odd channels every byte of the result is two elements.
        if y_type == Dtype::U4 && channels & 1 == 0 {
            let pairs = x.cells().as_chunks::<2>().0;
            pairs.iter().zip(y.cells()).for_each(|([low, high], y)| y.set(of(low) | of(high) << 4));
            return Ok(());
        }
    }
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
