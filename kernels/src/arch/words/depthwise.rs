//! Depthwise convolution of bytes, four channels at a time, with their sums in registers. The taps of a pixel are
//! found once for all channels.

use core::cell::Cell;

use crate::generic::depthwise::Source;
use crate::generic::finish::Finish;
use crate::layout::unpack;
use crate::op::{Accumulate, Depthwise};
use crate::{Dtype, KernelError, Layout, Tensor, WeightBits, Weights, generic};

/// Most taps of a kernel.
const MAX_TAPS: usize = 25;

/// Channels whose sums are made together.
const CHANNELS: usize = 4;

/// Whether bytes of that many channels run on this kernel, and not on the generic one.
pub fn takes(taps: usize, channels: usize) -> bool {
    taps <= MAX_TAPS && channels & (CHANNELS - 1) == 0
}

/// Depthwise convolution, see [`Depthwise`]. Nibbles, large kernels and channel counts that are no multiple of four
/// run on the generic tier. An empty `scratch` says that no rows have to be kept.
///
/// # Errors
/// Those of [`Depthwise::check`], and [`KernelError::InvalidScratch`].
pub fn depthwise(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Depthwise,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    let (rows, columns, channels) = y.spec().dims.hwc();
    let op = Depthwise { accumulate: Accumulate { layout: Layout::Rows, ..op.accumulate }, ..*op };
    let taps = op.geometry.taps();
    if x.spec().dtype != Dtype::I8 || !takes(taps, channels) {
        return generic::depthwise(x, residual, &op, scratch, y);
    }
    op.check(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let need = op.scratch_bytes(&x.spec(), &y.spec(), !scratch.is_empty());
    let ring = scratch
        .get(..need)
        .ok_or(KernelError::InvalidScratch { need: need as u32, have: scratch.len() as u32 })?;
    let mut source = Source::new(x, ring, op.geometry.pad);
    let bits = op.accumulate.weight_bits;
    let weights = Weights::new(op.accumulate.weights, bits, taps, channels)?;
    let (height, width, _) = x.spec().dims.hwc();
    let [kh, kw] = op.geometry.kernel.map(usize::from);
    for oy in 0..rows {
        source.keep(oy);
        for ox in 0..columns {
            let mut list: [(&[Cell<u8>], &[u8]); MAX_TAPS] = [(&[], &[]); MAX_TAPS];
            let mut places = list.iter_mut().zip(0..taps);
            for ky in 0..kh {
                let iy = op.geometry.row(oy, ky, height);
                for kx in 0..kw {
                    let pixel = iy.zip(op.geometry.column(ox, kx, width));
                    let pixel = pixel.map_or(&[][..], |(iy, ix)| source.pixel(iy, ix, oy));
                    if let Some((place, tap)) = places.next() {
                        *place = (pixel, weights.row(tap));
                    }
                }
            }
            let list = list.get(..taps).unwrap_or(&[]);
            let finish = Finish::new(&op.accumulate, y, residual, (oy, ox));
            for first in (0..channels).step_by(CHANNELS) {
                let mut sums: [i32; CHANNELS] = [0, 1, 2, 3].map(|i| finish.bias(first + i));
                for (pixel, row) in list {
                    let weights = four(row, bits, first);
                    match pixel.get(first..).and_then(|pixel| pixel.first_chunk::<CHANNELS>()) {
                        Some(pixel) => {
                            for ((sum, x), weight) in sums.iter_mut().zip(pixel).zip(weights) {
                                *sum = sum.wrapping_add(i32::from(x.get() as i8) * weight);
                            }
                        }
                        None => {
                            for (sum, weight) in sums.iter_mut().zip(weights) {
                                *sum = sum.wrapping_add(i32::from(x.spec().zero) * weight);
                            }
                        }
                    }
                }
                for (i, sum) in sums.into_iter().enumerate() {
                    finish.store(first + i, sum);
                }
            }
        }
    }
    Ok(())
}

/// Weights of four channels of a tap; `first` is a multiple of four.
#[inline(always)]
fn four(row: &[u8], bits: WeightBits, first: usize) -> [i32; CHANNELS] {
    let start = first >> bits.log2_per_byte();
    match bits {
        WeightBits::W8 => match row.get(start..).and_then(|row| row.first_chunk::<CHANNELS>()) {
            Some(bytes) => bytes.map(|byte| i32::from(byte as i8)),
            None => [0; CHANNELS],
        },
        _ => {
            let row = row.get(start..).unwrap_or(&[]);
            [0, 1, 2, 3].map(|i| unpack(row, bits, i))
        }
    }
}
