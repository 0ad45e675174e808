//! Depthwise 3x3 and 5x5 convolution: four channels at a time are widened to words of two, so that a load brings a pixel's
//! inputs of two channels, and neighbouring outputs share their loads.
//!
//! The scratch holds the rows of a tile of outputs, padding included; rows that the next tile needs too are
//! moved up. A channel's result lies only over the same channel of the input, and no tile writes over rows
//! that are still to be read, so the result may take the input's place.

use core::cell::Cell;
use core::mem::MaybeUninit;

use super::bytes::{aligned, clamp_bytes};
use super::five::{FIVE, Five};
use super::four::unpack;
use super::nibbles::pack;
use super::pairs::{Constants, Pairs, Source, TAPS};
use super::pixels::Lines;
use super::rows::Widen;
use super::{GROUP, fills_groups};
use crate::linked;
use crate::numerics::Clamp;
use crate::op::{Accumulate, Depthwise, Geometry};
use crate::scratch::take;
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec, WeightBits, generic};

/// Base-2 logarithm of the largest factor for weights.
const MAX_SCALE: u32 = 8;

// Half of an accumulator's range is left for the products of scaled weights.
const _: () = assert!(((FIVE * FIVE) << (14 + MAX_SCALE)) < 1 << 30);

/// Rows of pixels that a tile may have, and the bytes up to which it has them: scratch against rows that are moved up.
/// Where none of them fits, a tile is one row of outputs.
const ROWS: [usize; 3] = [16, 11, 6];
const MOST_BYTES: usize = 2560;

/// Shape of a tile.
#[derive(Clone, Copy)]
struct Tile {
    /// Bytes of a row of pixels, for two channels.
    half: usize,
    /// Rows of pixels.
    rows: usize,
    /// Rows of outputs.
    outputs: usize,
    /// Rows and columns of the kernel.
    taps: usize,
    /// Results that are bytes before they are packed in nibbles.
    packed: usize,
}

impl Tile {
    /// The tiles of a step; `None` where this kernel is not made for its shape.
    #[inline(never)]
    fn new(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> Option<Self> {
        let geometry = &op.geometry;
        let (stride, taps) = (usize::from(geometry.stride[0]), usize::from(geometry.kernel[0]));
        let known = op.accumulate.layout == Layout::Dsp
            && geometry.kernel[0] == geometry.kernel[1]
            && matches!(taps, TAPS | FIVE)
            && geometry.dilation == [1, 1]
            && geometry.stride[0] == geometry.stride[1]
            && matches!(stride, 1 | 2)
            && geometry.pad.iter().all(|&pad| pad <= 2)
            && Self::knows(x, y);
        if !known {
            return None;
        }
        let half = Lines::half(y.dims.w.into(), stride, taps);
        let most = ROWS.into_iter().find(|rows| 2 * half * rows <= MOST_BYTES).unwrap_or(taps);
        let outputs = ((most + stride - taps) >> (stride - 1)).min(y.dims.h.into());
        let results = if y.dtype.linked() == Dtype::U4 { outputs * usize::from(y.dims.w) } else { 0 };
        let rows = outputs.saturating_sub(1) * stride + taps;
        Some(Self { half, rows, outputs, taps, packed: results * GROUP })
    }

    /// Bytes, and nibbles of whole groups of channels. Nibbles are not made of bytes: a result would lie over channels that
    /// are still to be read.
    fn knows(x: &TensorSpec, y: &TensorSpec) -> bool {
        let types = (x.dtype.linked(), y.dtype.linked());
        match types {
            (Dtype::I8, Dtype::I8) => true,
            (Dtype::U4, Dtype::U4 | Dtype::I8) => fills_groups(x),
            _ => false,
        }
    }

    #[inline(always)]
    fn needs(op: &Depthwise, y: &TensorSpec) -> Needs {
        let Geometry { kernel, stride, .. } = op.geometry;
        // Kernels of 5x5 take any stride.
        let five = kernel[0] != TAPS as u8;
        Needs { wide: !fills_groups(y), stride2: stride[0] == 2 && !five, five }
    }

    /// Its kernel, where that is linked.
    #[inline(always)]
    fn taps(&self) -> usize {
        if linked::FIVE { self.taps } else { TAPS }
    }

    /// Bytes of all its pixels.
    fn bytes(&self) -> usize {
        self.rows * 2 * self.half
    }

    /// Bytes of scratch at any address: pixels, then results.
    fn scratch(&self) -> usize {
        self.bytes() + self.packed + 3
    }
}

/// Scratch for layout `dsp`: see [`Depthwise::scratch_bytes`].
pub(crate) fn scratch(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> usize {
    Tile::new(op, x, y).map_or(0, |tile| tile.scratch())
}

/// Whether [`depthwise`] has a kernel of its own for a step, and does not leave it to the generic tier.
pub fn takes(op: &Depthwise, has_residual: bool, x: &TensorSpec, y: &TensorSpec) -> bool {
    plan(op, has_residual, x, y).is_some()
}

/// The tiles of a step, and the scale of its weights.
#[inline(never)]
fn plan(op: &Depthwise, has_residual: bool, x: &TensorSpec, y: &TensorSpec) -> Option<(Tile, u32)> {
    let tile = Tile::new(op, x, y).filter(|_| !has_residual && Tile::needs(op, y).linked())?;
    scale(&op.accumulate).map(|scale| (tile, scale))
}

/// What a build needs for [`depthwise`] to take a step, see the features of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Channels that are no whole groups of four.
    pub wide: bool,
    /// Stride 2 of 3x3 kernels.
    pub stride2: bool,
    /// Kernels of 5x5.
    pub five: bool,
}

impl Needs {
    #[inline(always)]
    fn linked(self) -> bool {
        (linked::WIDE || !self.wide) && (linked::STRIDE2 || !self.stride2) && (linked::FIVE || !self.five)
    }
}

/// What a build needs for a step; `None` where no build takes it.
pub fn needs(op: &Depthwise, has_residual: bool, x: &TensorSpec, y: &TensorSpec) -> Option<Needs> {
    let takes = Tile::new(op, x, y).is_some() && !has_residual && scale(&op.accumulate).is_some();
    takes.then(|| Tile::needs(op, y))
}

/// Base-2 logarithm of the factor that makes a step's shift 32: weights times that still fit 16 bits, and no accumulator
/// leaves 32.
fn scale(accumulate: &Accumulate) -> Option<u32> {
    let scale = 32u32.checked_sub(u32::from(accumulate.shift)).filter(|&scale| scale <= MAX_SCALE)?;
    let largest = i32::MAX >> (scale + 1);
    (scale == 0 || accumulate.bias.iter().all(|bias| (-largest..=largest).contains(bias))).then_some(scale)
}

/// Depthwise convolution of a file in layout `dsp`, see [`Depthwise`]. What is no plain 3x3 or 5x5 kernel between bytes or nibbles runs
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
            run(x, op, scale, tile, scratch, y);
            if y.spec().dtype.linked() != Dtype::U4 {
                clamp_bytes(y.cells(), op.accumulate.clamp);
            }
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
fn run(x: &Tensor, op: &Depthwise, scale: u32, tile: Tile, scratch: &[Cell<u8>], y: &Tensor) {
    let (rows, columns, channels) = y.spec().dims.hwc();
    let stride = if linked::STRIDE2 || linked::FIVE { usize::from(op.geometry.stride[0]) } else { 1 };
    let taps = tile.taps();
    let accumulate = &op.accumulate;
    // Tensors have the bytes of their shapes, and constants those of all channels, as `Depthwise::fits` has checked: with
    // words for a tile, all below stays inside.
    let Some(words) = aligned(scratch).get(..tile.bytes() >> 2) else { return };
    let Some(packed) = scratch.get(tile.scratch() - tile.packed..) else { return };
    let nibbles = y.spec().dtype.linked() == Dtype::U4;
    // From a result to its right neighbour.
    let step = if nibbles { GROUP } else { channels };
    let widen = Widen::new(x, op.geometry.pad.map(usize::from), tile.half, words);
    let mut lines = Lines::new(columns, tile.half, stride, step);
    let constants = Constants {
        weights: accumulate.weights,
        step: accumulate.weight_bits.row_bytes(channels),
        bits: accumulate.weight_bits,
        bias: accumulate.bias,
        multipliers: accumulate.multipliers,
        scale,
        pitch: lines.pitch,
    };
    let (source, mut room) = (Source::new(&constants), MaybeUninit::uninit());
    let (mut first, mut part, mut planned) = (0, widen.plan(0, 0, 0, true), rows);
    let mut five = (linked::FIVE && taps == FIVE).then(|| Five::new(columns, tile.half, stride, step));
    // Where there is one tile, all but a group's channels is known before the first one.
    if tile.outputs == rows && rows > 0 && !nibbles && five.is_none() {
        part = widen.plan(0, 0, (rows - 1) * stride + taps, true);
        lines.set(rows);
        planned = 0;
        while channels - first >= GROUP {
            let pairs = source.pairs(first, &mut room);
            widen.rows(&part, first);
            lines.run(words, pairs, y.cells(), first, GROUP);
            first += GROUP;
        }
    }
    while first < channels {
        let group = if linked::WIDE { GROUP.min(channels - first) } else { GROUP };
        let pairs = if linked::FIVE
            && let Some(five) = &mut five
        {
            let mut bytes = [[0; GROUP]; FIVE * FIVE];
            unpack(&constants, first, &mut bytes);
            five.set(&constants, first, &bytes);
            None
        } else if !linked::WIDE || group == GROUP {
            Some(source.pairs(first, &mut room))
        } else {
            Some(last(&constants, first, &mut room))
        };
        let mut oy = 0;
        while oy < rows {
            let outputs = tile.outputs.min(rows - oy);
            if planned != oy {
                // The last rows of the tile before are there.
                let kept = if oy > 0 { taps - stride } else { 0 };
                let to = (outputs - 1) * stride + taps;
                part = widen.plan(oy * stride + kept, kept, to, outputs == rows);
                lines.set(outputs);
                planned = oy;
            }
            widen.rows(&part, first);
            let at = oy * columns * channels + first;
            let (out, at) = if nibbles { (packed, 0) } else { (y.cells(), at) };
            match (&pairs, &five) {
                (Some(pairs), _) => lines.run(words, pairs, out, at, group),
                (None, Some(five)) if linked::FIVE => five.run(words, out, at, outputs, group),
                _ => {}
            }
            if nibbles {
                store_nibbles(packed, y, oy * columns, (first, outputs * columns), accumulate.clamp);
            }
            oy += outputs;
            if oy < rows {
                widen.keep(outputs * stride, taps - stride);
            }
        }
        first += GROUP;
    }
}

/// Packs so many results of four channels from pixel `at` on.
#[inline(never)]
fn store_nibbles(results: &[Cell<u8>], y: &Tensor, at: usize, (first, count): (usize, usize), clamp: Clamp) {
    let pixel = y.spec().pixel_bytes();
    let out = y.cells().get(at * pixel + first / 2..).unwrap_or(&[]);
    for (i, results) in results.as_chunks::<GROUP>().0.iter().enumerate().take(count) {
        pack(results, out.get(i * pixel..i * pixel + GROUP / 2).unwrap_or(&[]), clamp);
    }
}

/// Constants of channels that are no whole group; zeros behind the last channel.
#[inline(never)]
fn last<'a>(constants: &Constants, first: usize, room: &'a mut MaybeUninit<Pairs>) -> &'a Pairs {
    let mut taps = [[0; GROUP]; TAPS * TAPS];
    unpack(constants, first, &mut taps);
    let four = |values: &[i32]| core::array::from_fn(|c| values.get(first + c).copied().unwrap_or(0));
    let [bias, multipliers]: [[i32; GROUP]; 2] = [constants.bias, constants.multipliers].map(four);
    let (bits, weights) = (WeightBits::W8, taps.as_flattened());
    let here = Constants { weights, step: GROUP, bits, bias: &bias, multipliers: &multipliers, ..*constants };
    Source::new(&here).pairs(0, room)
}
