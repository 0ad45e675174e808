//! Weights in layout [`dsp`](crate::layout::dsp) as products take them.

use core::cell::Cell;

use super::column::{Columns, weight_words};
use super::product::Product;
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
    pub(super) fn product<const P: usize>(
        &self,
        columns: &Columns<'a, P>,
        first: usize,
        blocks: usize,
    ) -> Product<'a, P> {
        let weights = self.words.get(first * self.sizes.folded_words()..).unwrap_or(&[]);
        Product {
            bits: self.sizes.blocks.bits,
            columns: columns.words,
            row_words: self.sizes.row_words,
            weights,
            blocks,
        }
    }

    /// Takes the factor of the weights from accumulators.
    pub(super) fn scale(&self, cells: &[Cell<i32>]) {
        cells.iter().for_each(|cell| cell.set(cell.get() >> self.sizes.blocks.bits.log2_factor()));
    }

    /// Accumulators of one block that is not folded: the sum over its chunks. `multiply` writes those of a product.
    pub(super) fn chunked<const P: usize, const N: usize>(
        &self,
        columns: &Columns<'a, P>,
        block: usize,
        cells: &[Cell<i32>; N],
        multiply: impl Fn(&Product<'a, P>, [i32; P], &[Cell<i32>]),
    ) {
        let mut weights = self.words.get(block * self.sizes.chunked_words()..).unwrap_or(&[]);
        let mut words = columns.words;
        let mut left = self.sizes.row_words;
        cells.iter().for_each(|cell| cell.set(0));
        let part = [const { Cell::new(0) }; N];
        for chunk in 0..self.sizes.chunks {
            let row_words = if self.sizes.chunks == 1 { left } else { left.min(CHUNK_WORDS) };
            let sums = columns.sums_of(chunk);
            let product =
                Product { bits: self.sizes.blocks.bits, columns: words, row_words, weights, blocks: 1 };
            multiply(&product, sums, &part);
            self.scale(&part);
            for (cell, part) in cells.iter().zip(&part) {
                cell.set(cell.get().wrapping_add(part.get()));
            }
            left -= row_words;
            weights = weights.get((row_words + 1) * self.sizes.blocks.channels..).unwrap_or(&[]);
            words = words.get(row_words * 2 * P..).unwrap_or(&[]);
        }
    }
}
