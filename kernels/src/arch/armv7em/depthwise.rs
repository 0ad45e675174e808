//! Depthwise 3x3 convolution: four channels at a time are widened into planes of 16-bit rows, so that one
//! multiplication takes two neighbouring taps and two outputs share their loads.
//!
//! The planes hold the rows of a tile of outputs, padding included; rows that the next tile needs too are
//! moved up. A channel's result lies only over the same channel of the input, and no tile writes over rows
//! that are still to be read, so the result may take the input's place.

use core::cell::Cell;

use super::bytes::clamp_bytes;
use super::column::words;
use super::planes::{Class, Group};
use super::rows::Widen;
use super::simd::{pkhbt, pkhtb, sxtb16, sxtb16_ror8};
use crate::linked;
use crate::op::{Accumulate, Depthwise};
use crate::scratch::take;
use crate::{KernelError, Layout, Tensor, TensorSpec, WeightBits, Weights, generic};

/// Channels that are widened together.
const GROUP: usize = 4;

/// Rows and columns of the kernel.
const TAPS: usize = 3;

/// Base-2 logarithm of the largest factor for weights.
const MAX_SCALE: u32 = 8;

// Half of an accumulator's range is left for the products of scaled weights.
const _: () = assert!(((TAPS * TAPS) << (14 + MAX_SCALE)) < 1 << 30);

/// Shape of the planes.
#[derive(Clone, Copy)]
struct Tile {
    class: Class,
    /// Rows of a plane.
    rows: usize,
    /// Output rows of a tile.
    outputs: usize,
}

impl Tile {
    /// The planes for a step; `None` where this kernel is not made for its shape.
    fn new(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> Option<Self> {
        let geometry = &op.geometry;
        let stride = usize::from(geometry.stride[0]);
        let known = op.accumulate.layout == Layout::Dsp
            && geometry.kernel == [TAPS as u8; 2]
            && geometry.dilation == [1, 1]
            && geometry.stride[0] == geometry.stride[1]
            && matches!(stride, 1 | 2)
            && geometry.pad.iter().all(|&pad| pad <= 2)
            && x.dtype.is_bytes()
            && y.dtype.is_bytes();
        if !known {
            return None;
        }
        let pairs = (usize::from(y.dims.w) + 1) >> 1;
        let class = Class::new(pairs * stride + 1)?;
        let rows = class.rows(usize::from(y.dims.h).saturating_sub(1) * stride + TAPS);
        let outputs = if stride == 1 { rows - 2 } else { (rows - 1) >> 1 };
        Some(Self { class, rows, outputs })
    }

    fn plane_words(&self) -> usize {
        self.rows * self.class.stride()
    }
}

/// Scratch for layout `dsp`: see [`Depthwise::scratch_bytes`].
pub(crate) fn scratch(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> usize {
    Tile::new(op, x, y).map_or(0, |tile| GROUP * tile.plane_words() * 4 + 3)
}

/// Whether [`depthwise`] has a kernel of its own for a step, and does not leave it to the generic tier.
pub fn takes(op: &Depthwise, has_residual: bool, x: &TensorSpec, y: &TensorSpec) -> bool {
    !has_residual && scale(&op.accumulate).is_some() && Tile::new(op, x, y).is_some()
}

/// Base-2 logarithm of the factor that makes a step's shift 32: weights times that still fit 16 bits, and no accumulator
/// leaves 32.
fn scale(accumulate: &Accumulate) -> Option<u32> {
    let scale = 32u32.checked_sub(u32::from(accumulate.shift)).filter(|&scale| scale <= MAX_SCALE)?;
    let largest = i32::MAX >> (scale + 1);
    (scale == 0 || accumulate.bias.iter().all(|bias| (-largest..=largest).contains(bias))).then_some(scale)
}

/// Depthwise convolution of a file in layout `dsp`, see [`Depthwise`]. What is no plain 3x3 kernel between bytes runs
/// on the generic tier.
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
    op.check(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let scratch = take(scratch, op.kept_bytes(&x.spec(), &y.spec()))?;
    match Tile::new(op, &x.spec(), &y.spec()) {
        Some(tile) if takes(op, residual.is_some(), &x.spec(), &y.spec()) => {
            let aligned = scratch.get(scratch.as_ptr().align_offset(4)..).unwrap_or(&[]);
            let scale = scale(&op.accumulate).unwrap_or(0);
            run(x, op, scale, tile, words(aligned), y)?;
            clamp_bytes(y.cells(), op.accumulate.clamp);
            Ok(())
        }
        _ if linked::PORTABLE => {
            let accumulate = Accumulate { layout: Layout::Rows, ..op.accumulate };
            generic::depthwise(x, residual, &Depthwise { accumulate, ..*op }, scratch, y)
        }
        _ => Err(KernelError::UnsupportedByBuild),
    }
}

fn run(
    x: &Tensor,
    op: &Depthwise,
    scale: u32,
    tile: Tile,
    planes: &[Cell<u32>],
    y: &Tensor,
) -> Result<(), KernelError> {
    let (rows, columns, channels) = y.spec().dims.hwc();
    let stride = usize::from(op.geometry.stride[0]);
    let accumulate = &op.accumulate;
    let weights = Weights::new(accumulate.weights, accumulate.weight_bits, op.geometry.taps(), channels)?;
    let pad = usize::from(op.geometry.pad[0]);
    let plane_words = tile.plane_words();
    let words = ((columns + 1) >> 1) * stride + 1;
    let widen = Widen::new(x, usize::from(op.geometry.pad[1]), words, tile.class, planes, plane_words);
    let mut first = 0;
    while first < channels {
        let pairs = pairs(&weights, first, scale);
        let group = pairs.get(..GROUP.min(channels - first)).unwrap_or(&[]);
        let (mut kept, mut oy) = (0, 0);
        while oy < rows {
            let outputs = tile.outputs.min(rows - oy);
            widen.rows(first, (oy * stride + kept).wrapping_sub(pad), kept, (outputs - 1) * stride + TAPS);
            Group {
                class: tile.class,
                stride,
                planes,
                plane_words,
                weights: group,
                bias: accumulate.bias.get(first..).unwrap_or(&[]),
                scale,
                multipliers: accumulate.multipliers.get(first..).unwrap_or(&[]),
                out: y.cells().get(oy * columns * channels + first..).unwrap_or(&[]),
                step: channels,
                rows: outputs,
                columns,
            }
            .run();
            oy += outputs;
            if oy < rows {
                // The next tile needs the last rows too.
                kept = TAPS - stride;
                let words = tile.class.stride();
                for plane in 0..GROUP {
                    let plane = planes.get(plane * plane_words..).unwrap_or(&[]);
                    move_up(plane, outputs * stride * words, kept * words);
                }
            }
        }
        first += GROUP;
    }
    Ok(())
}

/// Moves `count` words to the front; rows are a multiple of four words.
fn move_up(plane: &[Cell<u32>], from: usize, count: usize) {
    let (to, from) = (plane.get(..count).unwrap_or(&[]), plane.get(from..).unwrap_or(&[]));
    for (to, from) in to.as_chunks::<4>().0.iter().zip(from.as_chunks::<4>().0) {
        let [a, b, c, d] = [from[0].get(), from[1].get(), from[2].get(), from[3].get()];
        to[0].set(a);
        to[1].set(b);
        to[2].set(c);
        to[3].set(d);
    }
}

/// Weights of four channels as the kernel wants them: `(w0, w1), (w1, w2)` of each row.
fn pairs(weights: &Weights, first: usize, scale: u32) -> [[u32; 6]; GROUP] {
    let mut result = [[0; 6]; GROUP];
    for ky in 0..TAPS {
        let taps: [u32; TAPS] = core::array::from_fn(|kx| four(weights, ky * TAPS + kx, first));
        let scaled = |lanes: u32| times(lanes, scale);
        let (even, odd) = (taps.map(sxtb16).map(scaled), taps.map(sxtb16_ror8).map(scaled));
        for i in 0..2 {
            let at = 2 * ky + i;
            result[0][at] = pkhbt(even[i], even[i + 1]);
            result[1][at] = pkhbt(odd[i], odd[i + 1]);
            result[2][at] = pkhtb(even[i], even[i + 1]);
            result[3][at] = pkhtb(odd[i], odd[i + 1]);
        }
    }
    result
}

/// 16-bit lanes times `2^scale`; the products fit.
fn times(lanes: u32, scale: u32) -> u32 {
    (lanes & 0xffff_0000) << scale | ((lanes << scale) & 0xffff)
}

/// Weights of four channels of one tap as bytes; `first` is a multiple of 4.
#[inline(always)]
fn four(weights: &Weights, tap: usize, first: usize) -> u32 {
    let row = weights.row(tap);
    let row = row.get(first >> weights.bits().log2_per_byte()..).unwrap_or(&[]);
    match weights.bits().linked() {
        WeightBits::W8 => row.first_chunk().map_or_else(|| rest(row), |bytes| u32::from_le_bytes(*bytes)),
        WeightBits::W4 => {
            let bytes =
                row.first_chunk().map_or_else(|| rest(row), |bytes| u16::from_le_bytes(*bytes).into());
            let bytes = (bytes & 0xff) | (bytes & 0xff00) << 8;
            let nibbles = (bytes & 0x000f_000f) | (bytes & 0x00f0_00f0) << 4;
            nibbles | ((nibbles & 0x0808_0808) * 0x1e)
        }
        WeightBits::W2 => {
            let byte = row.first().copied().map_or(0, u32::from);
            let crumbs = (byte & 3) | (byte & 0xc) << 6 | (byte & 0x30) << 12 | (byte & 0xc0) << 18;
            crumbs | ((crumbs & 0x0202_0202) * 0x7e)
        }
    }
}

/// The bytes at the end of a row, zeros behind them.
#[cold]
#[inline(never)]
fn rest(row: &[u8]) -> u32 {
    row.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
