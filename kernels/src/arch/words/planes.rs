//! Depthwise 3x3 convolution, a channel at a time: rows of a tile of inputs, padding included, become words; two
//! neighbouring outputs of a row share their loads.
//!
//! A channel's result lies only over the same channel of the input, and rows that results overwrite are words by then,
//! so no other rows need to be kept.

use core::cell::Cell;

use super::conv2d::words;
use crate::arch::armv7em::bytes::clamp_bytes;
use crate::layout::unpack;
use crate::op::{Accumulate, Depthwise};
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec, Weights};

/// Rows and columns of the kernel.
const TAPS: usize = 3;

/// Taps of a channel.
pub(super) const ALL_TAPS: usize = TAPS * TAPS;

/// Shift at which the high word of the product holds the result; weights are scaled up to it.
const MIN_SHIFT: u8 = 32;

/// Bits of nine products of an input and scaled weights, with their sign: what words on Armv7-M leave them.
const SUM_BITS: u32 = 23;

/// Words of the rows of a tile where there is a choice.
const TILE_WORDS: usize = 160;

#[cfg(armv6m)]
use super::planes_v6m as imp;
#[cfg(armv7m)]
use super::planes_v7m as imp;
#[cfg(not(any(armv6m, armv7m)))]
use portable as imp;

/// Shape of the words of a tile.
#[derive(Clone, Copy)]
struct Tile {
    stride: usize,
    /// Words of a row.
    pitch: usize,
    /// Rows of results.
    outputs: usize,
}

impl Tile {
    /// That of a step; `None` where this kernel is not made for its shapes and types.
    #[inline(never)]
    fn new(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> Option<Self> {
        let geometry = &op.geometry;
        let [stride, across] = geometry.stride.map(usize::from);
        let known = op.accumulate.layout == Layout::Words
            && geometry.kernel == [TAPS as u8; 2]
            && geometry.dilation == [1, 1]
            && stride == across
            && matches!(stride, 1 | 2)
            && geometry.pad.iter().all(|&pad| usize::from(pad) < TAPS)
            && (x.dtype, y.dtype) == (Dtype::I8, Dtype::I8);
        if !known {
            return None;
        }
        let pairs = (usize::from(y.dims.w) + 1) >> 1;
        let pitch = 2 * stride * pairs + TAPS;
        let mut outputs = 1;
        while outputs < usize::from(y.dims.h) && (outputs * stride + TAPS) * pitch <= TILE_WORDS {
            outputs += 1;
        }
        Some(Self { stride, pitch, outputs })
    }

    /// Rows of inputs.
    fn rows(&self) -> usize {
        (self.outputs - 1) * self.stride + TAPS
    }
}

/// Scratch of a step of this kernel's shapes and types, at any address; none for others.
pub(crate) fn scratch(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> usize {
    Tile::new(op, x, y).map_or(0, |tile| tile.rows() * tile.pitch * 4 + 3)
}

/// Whether results may be stored: they lie apart from the inputs, or no row of them reaches into a later row of inputs.
fn may_store(x: &TensorSpec, y: &TensorSpec, distance: Option<i32>) -> bool {
    distance.is_none_or(|distance| distance == 0 && y.dims.w <= x.dims.w)
}

/// Whether [`run`] takes a step whose result starts `distance` bytes behind the input, or lies apart.
pub(super) fn takes(op: &Depthwise, x: &TensorSpec, y: &TensorSpec, distance: Option<i32>) -> bool {
    Tile::new(op, x, y).is_some() && may_store(x, y, distance) && scale(&op.accumulate).is_some()
}

/// Base-2 logarithm of the factor that makes a step's shift at least 32; `None` where sums of weights times that need
/// more than [`SUM_BITS`], or an accumulator more than 32. Product and shift grow alike, so the result is the same.
fn scale(accumulate: &Accumulate) -> Option<u32> {
    // Nine products with an input of 8 bits take up to 11 bits more than a weight.
    let most = SUM_BITS - 11 - accumulate.weight_bits.bits();
    let scale = u32::from(MIN_SHIFT.saturating_sub(accumulate.shift));
    let largest = (i32::MAX - (1 << (SUM_BITS - 1))) >> scale.min(most);
    let fits = scale == 0 || accumulate.bias.iter().all(|bias| (-largest..=largest).contains(bias));
    (scale <= most && fits).then_some(scale)
}

/// Runs a checked step on this kernel; says whether it did.
pub(super) fn run(x: &Tensor, op: &Depthwise, scratch: &[Cell<u8>], y: &Tensor) -> Result<bool, KernelError> {
    let accumulate = &op.accumulate;
    let Some(tile) = Tile::new(op, &x.spec(), &y.spec()) else { return Ok(false) };
    let may_store = may_store(&x.spec(), &y.spec(), Depthwise::distance(x, y));
    let Some(scale) = scale(accumulate).filter(|_| may_store) else { return Ok(false) };
    let aligned = scratch.get(scratch.as_ptr().align_offset(4)..).unwrap_or(&[]);
    let Some(plane) = words(aligned).get(..tile.rows() * tile.pitch) else { return Ok(false) };
    let (_, _, channels) = y.spec().dims.hwc();
    let weights = Weights::new(accumulate.weights, accumulate.weight_bits, ALL_TAPS, channels)?;
    let zero = i32::from(x.spec().zero);
    let padding = imp::word(zero, zero);
    plane.iter().for_each(|place| place.set(padding));
    let shift = accumulate.shift.saturating_sub(MIN_SHIFT);
    for channel in 0..channels {
        let mut taps = core::array::from_fn(|tap| unpack(weights.row(tap), weights.bits(), channel));
        if scale > 0 {
            taps.iter_mut().for_each(|weight| *weight <<= scale);
        }
        let constant = |all: &[i32]| all.get(channel).copied().unwrap_or(0);
        let (bias, multiplier) = (constant(accumulate.bias) << scale, constant(accumulate.multipliers));
        Channel { x, y, op, tile, plane, padding, channel, taps, bias, multiplier, shift }.run();
    }
    clamp_bytes(y.cells(), accumulate.clamp);
    Ok(true)
}

/// One channel of a step.
struct Channel<'a> {
    x: &'a Tensor<'a>,
    y: &'a Tensor<'a>,
    op: &'a Depthwise<'a>,
    tile: Tile,
    plane: &'a [Cell<u32>],
    padding: u32,
    channel: usize,
    taps: [i32; ALL_TAPS],
    bias: i32,
    multiplier: i32,
    /// Of the product's high word.
    shift: u8,
}

impl Channel<'_> {
    fn run(&self) {
        let Tile { stride, pitch, outputs } = self.tile;
        let (rows, columns, channels) = self.y.spec().dims.hwc();
        let pad = usize::from(self.op.geometry.pad[0]);
        let (mut kept, mut oy) = (0, 0);
        while oy < rows {
            let count = outputs.min(rows - oy);
            let need = (count - 1) * stride + TAPS;
            self.fill((oy * stride + kept).wrapping_sub(pad), kept, need);
            let out = self.y.cells().get(oy * columns * channels + self.channel..).unwrap_or(&[]);
            Outputs {
                words: self.plane,
                stride,
                pitch,
                taps: &self.taps,
                bias: self.bias,
                multiplier: self.multiplier,
                shift: self.shift,
                out,
                step: channels,
                rows: count,
                columns,
            }
            .run();
            oy += count;
            if oy < rows {
                // The next tile needs the last rows too.
                kept = TAPS - stride;
                let from = self.plane.get(count * stride * pitch..).unwrap_or(&[]);
                let to = self.plane.get(..kept * pitch).unwrap_or(&[]);
                to.iter().zip(from).for_each(|(to, from)| to.set(from.get()));
            }
        }
    }

    /// Makes the plane's rows `first..end` of the input's rows from `iy` on, which wraps above the input.
    fn fill(&self, mut iy: usize, mut first: usize, end: usize) {
        let Tile { stride, pitch, .. } = self.tile;
        let (height, width, channels) = self.x.spec().dims.hwc();
        let left = usize::from(self.op.geometry.pad[1]);
        while first < end {
            let row = self.plane.get(first * pitch..).unwrap_or(&[]);
            if iy >= height {
                row.iter().take(pitch).for_each(|place| place.set(self.padding));
                (iy, first) = (iy.wrapping_add(1), first + 1);
                continue;
            }
            let count = (end - first).min(height - iy);
            Inputs {
                stride,
                x: self.x.cells().get(iy * width * channels + self.channel..).unwrap_or(&[]),
                step: channels,
                row_step: width * channels,
                words: row.get(left..).unwrap_or(&[]),
                pitch,
                rows: count,
                columns: width.min((pitch - stride).saturating_sub(left)),
                #[cfg(armv7m)]
                zero: self.x.spec().zero.into(),
            }
            .run();
            (iy, first) = (iy + count, first + count);
        }
    }
}

/// Inputs of a channel that become words of rows; `stride` words before each row's first whole one are written too.
pub(super) struct Inputs<'a> {
    pub(super) stride: usize,
    pub(super) x: &'a [Cell<u8>],
    /// From an input to the next one, and from a row to the next one.
    pub(super) step: usize,
    pub(super) row_step: usize,
    pub(super) words: &'a [Cell<u32>],
    pub(super) pitch: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// What lies beside a row.
    #[cfg(armv7m)]
    pub(super) zero: i32,
}

impl Inputs<'_> {
    fn run(&self) {
        let words = (self.rows - 1) * self.pitch + self.columns + self.stride;
        let inputs = (self.rows - 1) * self.row_step + (self.columns - 1) * self.step;
        if words <= self.words.len() && inputs < self.x.len() && self.columns + self.stride <= self.pitch {
            imp::fill(self);
        }
    }
}

/// Rows of results of a channel. The word of a padded column is `stride` words behind the start of its row.
pub(super) struct Outputs<'a> {
    pub(super) words: &'a [Cell<u32>],
    pub(super) stride: usize,
    pub(super) pitch: usize,
    pub(super) taps: &'a [i32; ALL_TAPS],
    pub(super) bias: i32,
    pub(super) multiplier: i32,
    /// Of the product's high word.
    pub(super) shift: u8,
    pub(super) out: &'a [Cell<u8>],
    /// From a result to the next one.
    pub(super) step: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Outputs<'_> {
    fn run(&self) {
        let words = ((self.rows - 1) * self.stride + TAPS) * self.pitch;
        let results = (self.rows * self.columns - 1) * self.step;
        let pairs = (self.columns + 1) >> 1;
        if words <= self.words.len()
            && results < self.out.len()
            && 2 * self.stride * pairs + TAPS <= self.pitch
        {
            imp::outputs(self);
        }
    }
}

/// Portable arithmetic: a word is an input.
#[cfg(not(any(armv6m, armv7m)))]
mod portable {
    use core::cell::Cell;

    use super::{Inputs, MIN_SHIFT, Outputs, TAPS};
    use crate::numerics::{Clamp, requantize};

    /// The word of an input; the one `stride` columns behind is no part of it.
    pub(super) fn word(a: i32, _: i32) -> u32 {
        a as u32
    }

    /// See [`Inputs`].
    pub(super) fn fill(inputs: &Inputs) {
        for row in 0..inputs.rows {
            let source = inputs.x.get(row * inputs.row_step..).unwrap_or(&[]).iter().step_by(inputs.step);
            let words = inputs.words.get(row * inputs.pitch + inputs.stride..).unwrap_or(&[]);
            for (word, x) in words.iter().zip(source).take(inputs.columns) {
                word.set(i32::from(x.get() as i8) as u32);
            }
        }
    }

    /// See [`Outputs`].
    pub(super) fn outputs(outputs: &Outputs) {
        let mut results = outputs.out.iter().step_by(outputs.step);
        let clamp = Clamp { lo: -128, hi: 127 };
        for row in 0..outputs.rows {
            for column in 0..outputs.columns {
                let mut sum = outputs.bias;
                for (ky, taps) in outputs.taps.as_chunks::<TAPS>().0.iter().enumerate() {
                    let start = (row * outputs.stride + ky) * outputs.pitch + (column + 1) * outputs.stride;
                    for (tap, x) in taps.iter().zip(outputs.words.get(start..).unwrap_or(&[])) {
                        sum = sum.wrapping_add((x.get() as i32).wrapping_mul(*tap));
                    }
                }
                let value = requantize(sum, outputs.multiplier, outputs.shift + MIN_SHIFT, clamp);
                results.next().iter().for_each(|result: &&Cell<u8>| result.set(value as u8));
            }
        }
    }
}
