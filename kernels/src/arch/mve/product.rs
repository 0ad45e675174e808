//! Dense products of columns of bytes with weights in layout [`mve`](crate::layout::mve), the same by
//! instructions ([`product_asm`](super::product_asm)) and by portable arithmetic.

use core::cell::Cell;

use crate::WeightBits;
use crate::layout::mve::{CHANNELS, LANES, block_bytes, vectors};
use crate::numerics::Clamp;

/// Pixels of a convolution's strip.
pub(super) const PIXELS: usize = 2;

/// Sums of a block: those of each pixel together; of a dense layer's pair of blocks, those of each block.
pub(super) const SUMS: usize = PIXELS * CHANNELS;

/// Where sums with their bias go.
pub(super) enum Output<'a> {
    /// Requantised at shift 32 to signed bytes.
    Bytes {
        /// Of the channels.
        multipliers: &'a [i32],
        /// Limits of the result.
        clamp: Clamp,
        /// Bytes of each pixel; a dense layer has one, twice.
        y: [&'a [Cell<u8>]; PIXELS],
    },
    /// As they are, [`SUMS`] for each block or pair of blocks.
    Accumulators(&'a [Cell<i32>]),
}

impl Output<'_> {
    /// Groups of `channels` channels, or of [`SUMS`] accumulators, that there is room for.
    fn room(&self, channels: usize) -> usize {
        let groups = |length: usize| length >> channels.trailing_zeros();
        match self {
            Self::Bytes { multipliers, y, .. } => {
                y.iter().fold(groups(multipliers.len()), |room, pixel| room.min(groups(pixel.len())))
            }
            Self::Accumulators(raw) => raw.len() >> SUMS.trailing_zeros(),
        }
    }
}

/// Products of two pixels with blocks of channels.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    pub(super) bits: WeightBits,
    /// At least [`vectors`] vectors of each pixel; what lies behind its inputs does not matter.
    pub(super) columns: [&'a [Cell<u8>]; PIXELS],
    pub(super) vectors: usize,
    /// The blocks one behind the other.
    pub(super) weights: &'a [u8],
    /// Of the channels, whole blocks.
    pub(super) bias: &'a [i32],
}

impl<'a> Strip<'a> {
    /// `weights` and `bias` are those of the first channel on.
    pub(super) fn new(
        (bits, row_len): (WeightBits, usize),
        columns: [&'a [Cell<u8>]; PIXELS],
        weights: &'a [u8],
        bias: &'a [i32],
    ) -> Self {
        Self { bits, columns, vectors: vectors(row_len), weights, bias }
    }

    /// Writes whole blocks, at most `blocks`.
    #[inline(always)]
    pub(super) fn run(&self, blocks: usize, output: &Output) {
        let bytes = (self.vectors << 6) >> self.bits.log2_per_byte();
        let blocks = blocks.min(self.bias.len() >> 2).min(output.room(CHANNELS));
        let columns = self.columns.iter().all(|column| column.len() >= self.vectors * LANES);
        if blocks > 0 && self.vectors > 0 && columns && bytes * blocks <= self.weights.len() {
            imp::strip(self, blocks, output);
        }
    }
}

/// Products of one input with pairs of blocks of channels.
#[derive(Clone, Copy)]
pub(super) struct Dense<'a> {
    pub(super) bits: WeightBits,
    /// At least [`vectors`] vectors.
    pub(super) input: &'a [Cell<u8>],
    pub(super) vectors: usize,
    pub(super) weights: &'a [u8],
    /// From a pair's first block to its second: 0 where there is only one.
    pub(super) stride: usize,
    /// Of the channels, whole pairs of blocks.
    pub(super) bias: &'a [i32],
}

impl<'a> Dense<'a> {
    /// `weights` and `bias` are those of the first channel on. A single block makes a pair with itself.
    pub(super) fn new(
        (bits, row_len): (WeightBits, usize),
        input: &'a [Cell<u8>],
        weights: &'a [u8],
        bias: &'a [i32],
    ) -> Self {
        let block = block_bytes(bits, row_len);
        let stride = if weights.len() >= 2 * block { block } else { 0 };
        Self { bits, input, vectors: vectors(row_len), weights, stride, bias }
    }

    /// Writes whole pairs of blocks, at most `pairs`.
    #[inline(always)]
    pub(super) fn run(&self, pairs: usize, output: &Output) {
        let bytes = (self.vectors << 6) >> self.bits.log2_per_byte();
        let pairs = pairs.min(self.bias.len() >> 3).min(output.room(2 * CHANNELS));
        let pairs = if self.stride == 0 { pairs.min(1) } else { pairs };
        let need = if self.stride == 0 { bytes } else { 2 * bytes * pairs };
        let input = self.input.len() >= self.vectors * LANES;
        if pairs > 0 && self.vectors > 0 && input && need <= self.weights.len() {
            imp::dense(self, pairs, output);
        }
    }
}

#[cfg(mve)]
use super::product_asm as imp;

#[cfg(not(mve))]
mod imp {
    //! The same sums by portable arithmetic.

    use core::cell::Cell;

    use super::{CHANNELS, Dense, LANES, Output, PIXELS, SUMS, Strip};
    use crate::WeightBits;
    use crate::layout::mve::weight;
    use crate::numerics::requantize;

    fn sum(bits: WeightBits, block: &[u8], channel: usize, column: &[Cell<u8>], vectors: usize) -> i32 {
        column.iter().take(vectors * LANES).enumerate().fold(0i32, |sum, (k, x)| {
            sum.wrapping_add(i32::from(x.get() as i8) * weight(block, bits, channel, k))
        })
    }

    /// The sum at `place` of a group, for channel `c` and pixel `p`.
    fn put(output: &Output, place: usize, c: usize, p: usize, sum: i32) {
        match output {
            Output::Bytes { multipliers, clamp, y } => {
                let multiplier = multipliers.get(c).copied().unwrap_or(0);
                if let Some(cell) = y.get(p).and_then(|pixel| pixel.get(c)) {
                    cell.set(requantize(sum, multiplier, 32, *clamp) as u8);
                }
            }
            Output::Accumulators(raw) => {
                if let Some(cell) = raw.get(place) {
                    cell.set(sum);
                }
            }
        }
    }

    pub(super) fn strip(strip: &Strip, blocks: usize, output: &Output) {
        let bytes = (strip.vectors << 6) >> strip.bits.log2_per_byte();
        for c in 0..blocks * CHANNELS {
            let (block, channel) = (c >> 2, c & 3);
            let weights = strip.weights.get(block * bytes..).unwrap_or(&[]);
            for (p, column) in strip.columns.iter().enumerate().take(PIXELS) {
                let sum = sum(strip.bits, weights, channel, column, strip.vectors);
                let sum = sum.wrapping_add(strip.bias.get(c).copied().unwrap_or(0));
                put(output, block * SUMS + p * CHANNELS + channel, c, p, sum);
            }
        }
    }

    pub(super) fn dense(dense: &Dense, pairs: usize, output: &Output) {
        for c in 0..pairs * SUMS {
            let weights = dense.weights.get((c >> 2) * dense.stride..).unwrap_or(&[]);
            let sum = sum(dense.bits, weights, c & 3, dense.input, dense.vectors);
            put(output, c, c, 0, sum.wrapping_add(dense.bias.get(c).copied().unwrap_or(0)));
        }
    }
}
