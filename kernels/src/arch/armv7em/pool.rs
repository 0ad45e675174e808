//! Average pooling of bytes: four channels at a time, summed in 16-bit lanes.

use super::simd::{sxtab16, sxtab16_ror8};
use super::widen::word;
use crate::linked;
use crate::op::{AveragePool, Geometry};
use crate::{KernelError, Tensor, TensorSpec, generic, numerics};

/// Most taps whose sum of bytes fits a 16-bit lane.
const MAX_TAPS: usize = 255;

/// Whether [`average_pool`] has a kernel of its own for a step, and does not leave it to the generic tier.
pub fn takes(op: &AveragePool, x: &TensorSpec, y: &TensorSpec) -> bool {
    x.dtype.is_bytes() && y.dtype.is_bytes() && op.geometry.taps().taps() <= MAX_TAPS
}

/// Average pooling, see [`AveragePool`]. Other types than bytes and huge windows run on the generic tier.
///
/// # Errors
/// Those of [`AveragePool::check`].
pub fn average_pool(x: &Tensor, op: &AveragePool, y: &Tensor) -> Result<(), KernelError> {
    if linked::PORTABLE && !takes(op, &x.spec(), &y.spec()) {
        return generic::average_pool(x, op, y);
    }
    op.check(&x.spec(), &y.spec())?;
    let taps = op.geometry.taps();
    let (height, width, channels) = x.spec().dims.hwc();
    let (rows, columns, _) = y.spec().dims.hwc();
    for oy in 0..rows {
        let (top, count_h) = inside(taps, 0, oy, height);
        for ox in 0..columns {
            let (left, count_w) = inside(taps, 1, ox, width);
            let count = count_h * count_w;
            let counts_padding = op.multipliers.len() == 1;
            let entry = if counts_padding { 0 } else { count.saturating_sub(1) };
            let padding = if counts_padding { taps.taps() - count } else { 0 };
            let padding = i32::from(x.spec().zero) * padding as i32;
            let multiplier = op.multipliers.get(entry).copied().unwrap_or(0);
            let offset = op.offsets.get(entry).copied().unwrap_or(0);
            let out = y.pixel(oy, ox);
            for first in (0..channels).step_by(4) {
                let mut sums = [0u32; 2];
                for iy in top..top + count_h {
                    let start = (iy * width + left) * channels + first;
                    let mut pixels = x.cells().get(start..).unwrap_or(&[]);
                    for _ in 0..count_w {
                        let bytes = match pixels.first_chunk::<4>() {
                            Some(bytes) => word(bytes),
                            None => pixels.iter().rev().fold(0, |word, b| word << 8 | u32::from(b.get())),
                        };
                        sums = [sxtab16(sums[0], bytes), sxtab16_ror8(sums[1], bytes)];
                        pixels = pixels.get(channels..).unwrap_or(&[]);
                    }
                }
                let lane = |word: u32, high: u32| i32::from((word >> (16 * high)) as i16);
                let sums = [lane(sums[0], 0), lane(sums[1], 0), lane(sums[0], 1), lane(sums[1], 1)];
                for (cell, sum) in out.iter().skip(first).zip(sums) {
                    let sum = sum.wrapping_add(padding);
                    cell.set(numerics::rescale(sum, multiplier, offset, op.shift, op.clamp) as u8);
                }
            }
        }
    }
    Ok(())
}

/// First row or column of a window inside the input, and how many there are.
fn inside(taps: Geometry, axis: usize, at: usize, size: usize) -> (usize, usize) {
    let (start, pad) = (at * usize::from(taps.stride[axis]), usize::from(taps.pad[axis]));
    let first = start.saturating_sub(pad).min(size);
    let end = (start + usize::from(taps.kernel[axis])).saturating_sub(pad).min(size);
    (first, end - first.min(end))
}
