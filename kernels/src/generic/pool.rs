//! Maximum and average pooling.

use crate::op::{AveragePool, MaxPool, PoolGeometry};
use crate::{KernelError, Tensor, numerics};

/// Maximum pooling, see [`MaxPool`].
///
/// # Errors
/// Those of [`MaxPool::check`].
pub fn max_pool(x: &Tensor, op: &MaxPool, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let (lowest, _) = x.spec().dtype.range();
    for_each_window(
        x,
        &op.geometry,
        y,
        lowest,
        |best, value| if value > best { value } else { best },
        |best, _| op.clamp.apply(best),
    );
    Ok(())
}

/// Average pooling, see [`AveragePool`].
///
/// # Errors
/// Those of [`AveragePool::check`].
pub fn average_pool(x: &Tensor, op: &AveragePool, y: &Tensor) -> Result<(), KernelError> {
    op.check(&x.spec(), &y.spec())?;
    let taps = op.geometry.taps().taps() as u32;
    let zero = i32::from(x.spec().zero);
    let counts_padding = op.multipliers.len() == 1;
    for_each_window(x, &op.geometry, y, 0, i32::wrapping_add, |sum, inside| {
        let (entry, padding) = if counts_padding { (0, taps - inside) } else { (inside as usize, 0) };
        let entry = if counts_padding { entry } else { entry.saturating_sub(1) };
        let sum = sum.wrapping_add(zero.wrapping_mul(padding as i32));
        let multiplier = op.multipliers.get(entry).copied().unwrap_or(0);
        let offset = op.offsets.get(entry).copied().unwrap_or(0);
        numerics::rescale(sum, multiplier, offset, op.shift, op.clamp)
    });
    Ok(())
}

/// Folds the taps of every window; `finish` gets the result and the number of taps inside the input.
#[inline(always)]
fn for_each_window(
    x: &Tensor,
    geometry: &PoolGeometry,
    y: &Tensor,
    start: i32,
    fold: impl Fn(i32, i32) -> i32,
    finish: impl Fn(i32, u32) -> i32,
) {
    let taps = geometry.taps();
    let [kh, kw] = geometry.kernel;
    let (in_rows, in_columns, _) = x.spec().dims.hwc();
    let (rows, columns, channels) = y.spec().dims.hwc();
    for oy in 0..rows {
        for ox in 0..columns {
            for c in 0..channels {
                let (mut result, mut inside) = (start, 0);
                for iy in (0..usize::from(kh)).filter_map(|ky| taps.row(oy, ky, in_rows)) {
                    for ix in (0..usize::from(kw)).filter_map(|kx| taps.column(ox, kx, in_columns)) {
                        result = fold(result, x.get(iy, ix, c));
                        inside += 1;
                    }
                }
                y.set(oy, ox, c, finish(result, inside));
            }
        }
    }
}
