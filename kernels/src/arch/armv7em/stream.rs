//! Weights in layout [`dsp`](crate::layout::dsp) as products take them.

use core::cell::Cell;

use super::column::weight_words;
use crate::layout::dsp::{Blocks, CHUNK_WORDS, Sizes};
use crate::linked;
use crate::op::Accumulate;
use crate::{TensorSpec, WeightBits};

/// The blocks of a layer.
#[derive(Clone, Copy)]
pub(super) struct Stream<'a> {
    sizes: Sizes,
    form: u32,
    /// Whether headers hold the biases, and a row is one chunk.
    pub(super) folded: bool,
    words: &'a [u32],
}

/// Weights of blocks behind one header for each channel.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) bits: WeightBits,
    /// Words of one channel.
    pub(super) row_words: usize,
    /// Those of all blocks, headers included.
    pub(super) words: &'a [u32],
}

impl Weights<'_> {
    /// Inputs of a channel with all that pad it.
    #[inline(always)]
    pub(super) fn inputs(&self) -> usize {
        self.row_words << self.bits.log2_per_word()
    }

    /// Whether these are all words of so many channels.
    #[inline(always)]
    pub(super) fn hold(&self, channels: usize) -> bool {
        channels > 0 && self.row_words > 0 && (self.row_words + 1) * channels <= self.words.len()
    }
}

/// Whether products of checked weights finish all results of a layer: bytes of whole blocks, without a residual, at a
/// shift that their high words have, from weights that hold their biases.
#[inline(never)]
pub(super) fn finishes(blocks: &Blocks, accumulate: &Accumulate, residual: bool, y: &TensorSpec) -> bool {
    let whole = usize::from(y.dims.c) & (blocks.channels - 1) == 0;
    !residual
        && whole
        && y.dtype.is_bytes()
        && folded(blocks, accumulate).is_some_and(|stream| stream.shift(accumulate.shift).is_some())
}

/// Checked weights that hold their biases.
pub(super) fn folded<'a>(blocks: &Blocks, accumulate: &Accumulate<'a>) -> Option<Stream<'a>> {
    let stream = Stream::new(&blocks.sizes()?, accumulate.weights)?;
    if stream.form == FOLDED { Some(stream) } else { None }
}

/// The shift of a product's high word at a step's shift, if its accumulators have the factor of their weights; `None` for a
/// shift that is too small or too large.
pub(super) fn high_shift(bits: WeightBits, shift: u8) -> Option<u32> {
    (u32::from(shift) + bits.log2_factor()).checked_sub(32).filter(|&behind| behind < 32)
}

/// First word of weights whose headers hold the biases.
const FOLDED: u32 = 1;

impl<'a> Stream<'a> {
    /// The words of checked weights; `None` where they are not aligned.
    #[inline(always)]
    pub(super) fn new(sizes: &Sizes, weights: &'a [u8]) -> Option<Self> {
        let (&form, words) = weight_words(weights)?.split_first()?;
        let folded = form == FOLDED || !linked::WIDE;
        Some(Self { sizes: *sizes, form, folded, words })
    }

    /// The shift of a product's high word where accumulators still have the factor of their weights; `None` for a
    /// shift that is too small or too large, and where biases are not folded.
    pub(super) fn shift(&self, shift: u8) -> Option<u32> {
        high_shift(self.sizes.blocks.bits, shift).filter(|_| self.folded)
    }

    /// Folded weights from block `first` on.
    #[inline(always)]
    pub(super) fn weights_from(&self, first: usize) -> Weights<'a> {
        let words = self.words.get(first * self.sizes.folded_words()..).unwrap_or(&[]);
        Weights { bits: self.sizes.blocks.bits, row_words: self.sizes.row_words, words }
    }

    /// Takes the factor of the weights from accumulators.
    pub(super) fn scale(&self, cells: &[Cell<i32>]) {
        cells.iter().for_each(|cell| cell.set(cell.get() >> self.sizes.blocks.bits.log2_factor()));
    }

    /// Accumulators of one block that is not folded: the sum over its chunks. `multiply` writes those of the chunk whose
    /// index and inputs before it are given.
    pub(super) fn chunked<const N: usize>(
        &self,
        block: usize,
        cells: &[Cell<i32>; N],
        multiply: impl Fn(Weights<'a>, (usize, usize), &[Cell<i32>]),
    ) {
        let bits = self.sizes.blocks.bits;
        let mut words = self.words.get(block * self.sizes.chunked_words()..).unwrap_or(&[]);
        let mut left = self.sizes.row_words;
        cells.iter().for_each(|cell| cell.set(0));
        let part = [const { Cell::new(0) }; N];
        for chunk in 0..self.sizes.chunks {
            let row_words = if self.sizes.chunks == 1 { left } else { left.min(CHUNK_WORDS) };
            let before = (self.sizes.row_words - left) << bits.log2_per_word();
            multiply(Weights { bits, row_words, words }, (chunk, before), &part);
            self.scale(&part);
            for (cell, part) in cells.iter().zip(&part) {
                cell.set(cell.get().wrapping_add(part.get()));
            }
            left -= row_words;
            words = words.get((row_words + 1) * self.sizes.blocks.channels..).unwrap_or(&[]);
        }
    }
}
