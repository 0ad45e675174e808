//! Depthwise 3x3 convolution: four channels at a time are widened into planes of 16-bit rows, so that one
//! multiplication takes two neighbouring taps and two outputs share their loads.
//!
//! The planes hold the rows of a tile of outputs, padding included; rows that the next tile needs too are
//! moved up. A channel's result lies only over the same channel of the input, and no tile writes over rows
//! that are still to be read, so the result may take the input's place.

use core::cell::Cell;

use super::bytes::{aligned, clamp_bytes};
use super::planes::{Class, Group, Pairs, TAPS};
use super::rows::Widen;
use super::simd::{pkhbt, pkhtb, sxtb16, sxtb16_ror8};
use super::{GROUP, fills_groups};
use crate::linked;
use crate::op::{Accumulate, Depthwise};
use crate::scratch::take;
use crate::{KernelError, Layout, Tensor, TensorSpec, WeightBits, generic};

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
    #[inline(never)]
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

    #[inline(always)]
    fn needs(&self, op: &Depthwise, y: &TensorSpec) -> Needs {
        Needs {
            wide: !fills_groups(y),
            stride2: op.geometry.stride[0] == 2,
            long_rows: self.class != Class::Narrow,
        }
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
    plan(op, has_residual, x, y).is_some()
}

/// The planes for a step, and the scale of its weights.
#[inline(never)]
fn plan(op: &Depthwise, has_residual: bool, x: &TensorSpec, y: &TensorSpec) -> Option<(Tile, u32)> {
    let tile = Tile::new(op, x, y).filter(|tile| !has_residual && tile.needs(op, y).linked())?;
    scale(&op.accumulate).map(|scale| (tile, scale))
}

/// What a build needs for [`depthwise`] to take a step, see the features of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Channels that are no whole groups of four.
    pub wide: bool,
    /// Stride 2.
    pub stride2: bool,
    /// Rows that are longer than the shortest of a plane.
    pub long_rows: bool,
}

impl Needs {
    #[inline(always)]
    fn linked(self) -> bool {
        (linked::WIDE || !self.wide)
            && (linked::STRIDE2 || !self.stride2)
            && (linked::LONG_ROWS || !self.long_rows)
    }
}

/// What a build needs for a step; `None` where no build takes it.
pub fn needs(op: &Depthwise, has_residual: bool, x: &TensorSpec, y: &TensorSpec) -> Option<Needs> {
    let tile = Tile::new(op, x, y).filter(|_| !has_residual && scale(&op.accumulate).is_some())?;
    Some(tile.needs(op, y))
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
#[inline(never)]
pub fn depthwise(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Depthwise,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let scratch = take(scratch, op.kept_bytes(&x.spec(), &y.spec()))?;
    match plan(op, residual.is_some(), &x.spec(), &y.spec()) {
        Some((tile, scale)) => {
            run(x, op, scale, tile, aligned(scratch), y);
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

#[inline(always)]
fn run(x: &Tensor, op: &Depthwise, scale: u32, tile: Tile, planes: &[Cell<u32>], y: &Tensor) {
    let (rows, columns, channels) = y.spec().dims.hwc();
    let stride = if linked::STRIDE2 { usize::from(op.geometry.stride[0]) } else { 1 };
    let class = tile.class.linked();
    let accumulate = &op.accumulate;
    let bits = accumulate.weight_bits.linked();
    let pad = usize::from(op.geometry.pad[0]);
    let plane_words = tile.rows * class.stride();
    let words = ((columns + 1) >> 1) * stride + 1;
    let widen = Widen::new(x, usize::from(op.geometry.pad[1]), words, class, planes, plane_words);
    let mut first = 0;
    while first < channels {
        let weights = accumulate.weights.get(first >> bits.log2_per_byte()..).unwrap_or(&[]);
        let weights = pairs(weights, bits, bits.row_bytes(channels), scale);
        let (mut kept, mut oy) = (0, 0);
        while oy < rows {
            let outputs = tile.outputs.min(rows - oy);
            widen.rows(first, (oy * stride + kept).wrapping_sub(pad), kept, (outputs - 1) * stride + TAPS);
            Group {
                class,
                stride,
                planes,
                plane_words,
                channels: if linked::WIDE { GROUP.min(channels - first) } else { GROUP },
                weights: &weights,
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
                widen.keep(outputs * stride, kept);
            }
        }
        first += GROUP;
    }
}

/// Weights of four channels as the kernel wants them, times `2^scale`; `weights` begin with those of the first tap.
#[inline(never)]
fn pairs(weights: &[u8], bits: WeightBits, row_bytes: usize, scale: u32) -> Pairs {
    let row =
        |ky: usize| pairs_of_row(weights.get(ky * TAPS * row_bytes..).unwrap_or(&[]), bits, row_bytes, scale);
    [row(0), row(1), row(2)]
}

/// One kernel row of [`Pairs`].
#[inline(never)]
fn pairs_of_row(weights: &[u8], bits: WeightBits, row_bytes: usize, scale: u32) -> [[u32; 2]; GROUP] {
    // Products fit their lanes; what the lower one moves beyond it is its sign.
    let lanes = !(((1 << scale) - 1) << 16);
    let scaled = |pair: u32| (pair << scale) & lanes;
    let taps = [0, row_bytes, 2 * row_bytes].map(|at| four(bits, weights.get(at..).unwrap_or(&[])));
    let ([a, b, c], [d, e, f]) = (taps.map(sxtb16).map(scaled), taps.map(sxtb16_ror8).map(scaled));
    [
        [pkhbt(a, b), pkhbt(b, c)],
        [pkhbt(d, e), pkhbt(e, f)],
        [pkhtb(a, b), pkhtb(b, c)],
        [pkhtb(d, e), pkhtb(e, f)],
    ]
}

/// Four weights as bytes; what lies behind the last channel does not matter.
#[inline(always)]
fn four(bits: WeightBits, weights: &[u8]) -> u32 {
    match bits.linked() {
        WeightBits::W8 => match weights.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None if linked::WIDE => rest(weights),
            None => 0,
        },
        WeightBits::W4 => {
            let bytes = match weights.first_chunk() {
                Some(bytes) => u16::from_le_bytes(*bytes).into(),
                None if linked::WIDE => rest(weights),
                None => 0,
            };
            let bytes = (bytes & 0xff) | (bytes & 0xff00) << 8;
            let nibbles = (bytes & 0x000f_000f) | (bytes & 0x00f0_00f0) << 4;
            nibbles | ((nibbles & 0x0808_0808) * 0x1e)
        }
        WeightBits::W2 => {
            let byte = weights.first().copied().map_or(0, u32::from);
            let crumbs = (byte & 3) | (byte & 0xc) << 6 | (byte & 0x30) << 12 | (byte & 0xc0) << 18;
            crumbs | ((crumbs & 0x0202_0202) * 0x7e)
        }
    }
}

/// The bytes at the end of the last row, zeros behind them.
#[cold]
#[inline(never)]
fn rest(row: &[u8]) -> u32 {
    row.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
