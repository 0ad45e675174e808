//! Depthwise convolution of bytes. What is no plain 3x3 kernel runs four channels at a time, with their sums in
//! registers: the taps of a pixel are found once for all channels.

use core::cell::Cell;

use super::four::{FOUR, Pixel, four};
use super::planes;
use crate::arch::Core;
use crate::generic::depthwise::Source;
use crate::layout::unpack;
use crate::op::Depthwise;
use crate::{Dtype, KernelError, Tensor, TensorSpec, WeightBits, Weights, generic};

/// Most taps of a kernel.
pub(super) const MAX_TAPS: usize = 25;

pub(crate) use super::planes::scratch;

/// Whether a step runs on this kernel on a core, and not on the generic one; its result starts `distance` bytes behind the
/// input, or lies apart.
pub fn takes(
    op: &Depthwise,
    residual: bool,
    x: &TensorSpec,
    y: &TensorSpec,
    distance: Option<i32>,
    core: Core,
) -> bool {
    let planes = has_planes(core) && !residual && planes::takes(op, x, y, distance);
    planes || by_four(op, x)
}

/// Whether a core takes a plain 3x3 kernel a channel at a time: RV32IM has instructions for rows as they lie.
const fn has_planes(core: Core) -> bool {
    !matches!(core, Core::Rv32im)
}

/// Whether four channels of a result are made at a time.
fn by_four(op: &Depthwise, x: &TensorSpec) -> bool {
    let fours = usize::from(x.dims.c) & (FOUR - 1) == 0;
    x.dtype == Dtype::I8 && fours && op.geometry.taps() <= MAX_TAPS
}

/// Depthwise convolution, see [`Depthwise`]. Nibbles, and kernels other than 3x3 that are large or whose channels are no
/// multiple of four, run on the generic tier.
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
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let ring = op.ring(x, y, scratch)?;
    if has_planes(Core::THIS) && residual.is_none() && planes::run(x, op, scratch, y)? {
        return Ok(());
    }
    let op = Depthwise { accumulate: op.accumulate.rows(), ..*op };
    if !by_four(&op, &x.spec()) {
        return generic::depthwise(x, residual, &op, ring, y);
    }
    let taps = op.geometry.taps();
    let mut source = Source::new(x, ring, op.geometry.pad);
    let bits = op.accumulate.weight_bits;
    let weights = Weights::new(op.accumulate.weights, bits, taps, channels)?;
    #[cfg(rv32im)]
    if let (None, Some(lines)) =
        (residual, super::depthwise_rv32::Lines::new(x, &op, weights, !ring.is_empty(), y))
    {
        for oy in 0..rows {
            source.keep(oy);
            lines.write(oy, &source);
        }
        return Ok(());
    }
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
            let output = Pixel::new(&op.accumulate, y, residual, (oy, ox));
            let zero = x.spec().zero.into();
            #[cfg(armv7m)]
            let inside = super::depthwise_v7m::Inside::new(list, channels);
            for first in (0..channels).step_by(FOUR) {
                let sums = match bits {
                    #[cfg(armv7m)]
                    WeightBits::W8 => {
                        let mut sums = if inside.all(list) { [0; FOUR] } else { outside(list, zero, first) };
                        inside.add(first, &mut sums);
                        sums
                    }
                    #[cfg(not(armv7m))]
                    WeightBits::W8 => bytes(list, zero, first),
                    _ => narrow(list, zero, first, bits),
                };
                output.store(first, sums);
            }
        }
    }
    Ok(())
}

/// Products of the taps without an input.
#[cfg(armv7m)]
#[inline(always)]
fn outside(taps: &[(&[Cell<u8>], &[u8])], zero: i32, first: usize) -> [i32; FOUR] {
    let mut sums = [0i32; FOUR];
    for (_, row) in taps.iter().filter(|(pixel, _)| pixel.is_empty()) {
        for (sum, weight) in sums.iter_mut().zip(four(row, first).unwrap_or(&[0; FOUR])) {
            *sum = sum.wrapping_add(zero * i32::from(*weight as i8));
        }
    }
    sums
}

/// Products of all taps with the inputs, where there are any, and weights of four channels, a byte each.
#[cfg(not(armv7m))]
#[inline(always)]
fn bytes(taps: &[(&[Cell<u8>], &[u8])], zero: i32, first: usize) -> [i32; FOUR] {
    let mut sums = [0i32; FOUR];
    for (pixel, row) in taps {
        let Some(weights) = four(row, first) else { continue };
        // One product at a time: there are no registers for eight values beside the sums.
        if let Some(pixel) = four(pixel, first) {
            for ((sum, x), weight) in sums.iter_mut().zip(pixel).zip(weights) {
                *sum = sum.wrapping_add(i32::from(x.get() as i8) * i32::from(*weight as i8));
            }
        } else {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = sum.wrapping_add(zero * i32::from(*weight as i8));
            }
        }
    }
    sums
}

/// The same of narrower weights; `first` is a multiple of four.
#[inline(always)]
fn narrow(taps: &[(&[Cell<u8>], &[u8])], zero: i32, first: usize, bits: WeightBits) -> [i32; FOUR] {
    let mut sums = [0i32; FOUR];
    for (pixel, row) in taps {
        let row = row.get(first >> bits.log2_per_byte()..).unwrap_or(&[]);
        let pixel = four(pixel, first);
        for (i, sum) in sums.iter_mut().enumerate() {
            let x = pixel.map_or(zero, |pixel| i32::from(pixel[i].get() as i8));
            *sum = sum.wrapping_add(x * unpack(row, bits, i));
        }
    }
    sums
}
