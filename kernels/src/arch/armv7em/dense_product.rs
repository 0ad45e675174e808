//! The product of a dense layer's column with weights in layout [`dsp`](crate::layout::dsp), the same by instructions
//! ([`dense_asm`](super::dense_asm)) and by portable arithmetic.

use core::cell::Cell;

use super::product::Output;
use super::stream::Weights;
use super::vector::Terms;
use crate::layout::dsp::DENSE_CHANNELS;

/// A column that meets blocks of channels.
pub(super) struct DenseProduct<'a> {
    pub(super) weights: Weights<'a>,
    /// A word for two inputs.
    pub(super) column: &'a [Cell<u32>],
    /// What accumulators lose: at 8 bits the first is added to every odd channel, once the even one before it is
    /// subtracted, and the second to every even one, times the factor of the weights; else the first to all.
    pub(super) terms: Terms,
    pub(super) blocks: usize,
}

impl DenseProduct<'_> {
    /// Words of the column for all words of a channel.
    #[inline(always)]
    pub(super) fn column_words(&self) -> usize {
        self.weights.inputs() >> 1
    }

    /// Writes the results of all blocks; none where something does not hold them.
    #[inline(always)]
    pub(super) fn run(&self, out: &Output) {
        let channels = self.blocks * DENSE_CHANNELS;
        let fits = self.column_words() <= self.column.len() && self.weights.hold(channels);
        if fits && out.room(channels, 1).is_some() {
            imp::run(self, out);
        }
    }
}

#[cfg(dsp)]
use super::dense_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use super::{DENSE_CHANNELS, DenseProduct, Output};
    use crate::WeightBits;
    use crate::arch::armv7em::simd::{smlad, sxtab16, sxtab16_ror8, uxtab16};
    use crate::layout::dsp::parts;

    type Block<T> = [T; DENSE_CHANNELS];

    pub(super) fn run(product: &DenseProduct, out: &Output) {
        let weights = product.weights;
        let blocks = weights.words.as_chunks::<DENSE_CHANNELS>().0.chunks_exact(weights.row_words + 1);
        for (block, words) in blocks.take(product.blocks).enumerate() {
            let Some((header, words)) = words.split_first() else { return };
            let mut acc = header.map(|word| word as i32);
            match weights.bits.linked() {
                WeightBits::W8 => {
                    shared(words, product.column, &mut acc);
                    let [odd, even] = product.terms;
                    for [u, v] in acc.as_chunks_mut::<2>().0 {
                        *v = v.wrapping_sub(*u).wrapping_add(odd);
                        *u = (*u << weights.bits.log2_factor()).wrapping_add(even);
                    }
                }
                bits => {
                    apart(words, product.column, parts(bits), &mut acc);
                    acc = acc.map(|acc| acc.wrapping_add(product.terms[0]));
                }
            }
            for (c, acc) in acc.into_iter().enumerate() {
                let channel = block * DENSE_CHANNELS + c;
                out.store((channel, channel), 0, weights.bits.log2_factor(), acc);
            }
        }
    }

    /// Words that two channels share.
    fn shared(words: &[Block<u32>], column: &[Cell<u32>], acc: &mut Block<i32>) {
        for (words, x) in words.iter().zip(column.as_chunks::<2>().0) {
            let (even, odd) = (x[0].get(), x[1].get());
            for ([a, b], [low, both]) in words.as_chunks::<2>().0.iter().zip(acc.as_chunks_mut::<2>().0) {
                *both = smlad(odd, *b, smlad(even, *a, *both));
                *low = smlad(uxtab16(odd, *a), uxtab16(even, *b), *low);
            }
        }
    }

    /// A word of each channel, whose parts meet two words of the column each.
    fn apart(words: &[Block<u32>], column: &[Cell<u32>], parts: &[u32], acc: &mut Block<i32>) {
        for (words, x) in words.iter().zip(column.chunks_exact(2 * parts.len())) {
            for (part, x) in parts.iter().zip(x.as_chunks::<2>().0) {
                let (first, second) = (x[0].get(), x[1].get());
                for (word, acc) in words.iter().zip(acc.iter_mut()) {
                    let word = word & part;
                    *acc = smlad(sxtab16(second, word), sxtab16_ror8(first, word), *acc);
                }
            }
        }
    }
}
