//! The column of a dense layer, widened once for all channels, and its terms that accumulators must lose.
//!
//! Scratch, in words: the terms of each chunk, the column, then staged bytes.

use core::cell::Cell;

use super::column::{signed, words};
use super::simd::smlad;
use super::widen::{eight, four};
use crate::WeightBits;
use crate::layout::dsp::{CHUNK_WORDS, Sizes};

/// Inputs of a chunk of 8-bit weights.
const CHUNK: usize = 4 * CHUNK_WORDS;

/// What a column leaves in products: added to accumulators by [`dense_product`](super::dense_product), see there.
pub(super) type Terms = [i32; 2];

/// Bytes of scratch for the column and `staged` rows of bytes, at any address.
#[inline(always)]
pub(super) const fn scratch_bytes(sizes: &Sizes, staged: usize) -> usize {
    8 * sizes.chunks + 2 * sizes.padded_inputs() + staged * sizes.padded_row + 3
}

/// Memory of the column.
#[derive(Clone, Copy)]
pub(super) struct Vector<'a> {
    bits: WeightBits,
    /// Two for each chunk.
    terms: &'a [Cell<i32>],
    /// One for two inputs.
    pub(super) words: &'a [Cell<u32>],
    /// A row of bytes; empty where none is staged.
    pub(super) stage: &'a [Cell<u8>],
}

impl<'a> Vector<'a> {
    /// Divides scratch of [`scratch_bytes`]; `None` where it is too small.
    #[inline(always)]
    pub(super) fn new(sizes: &Sizes, scratch: &'a [Cell<u8>]) -> Option<Self> {
        let aligned = scratch.get(scratch.as_ptr().align_offset(4)..)?;
        let (terms, rest) = words(aligned).split_at_checked(2 * sizes.chunks)?;
        let (words, _) = rest.split_at_checked(sizes.padded_inputs() >> 1)?;
        let stage = aligned.get((terms.len() + words.len()) << 2..)?;
        let stage = stage.get(..sizes.padded_row).unwrap_or(&[]);
        Some(Self { bits: sizes.blocks.bits, terms: signed(terms), words, stage })
    }

    /// Fills the whole column from bytes, a multiple of eight; gives its terms. With `chunked` 8-bit weights the terms of
    /// every chunk are written down.
    #[inline(always)]
    pub(super) fn fill(&self, source: &[Cell<u8>], chunked: bool) -> Terms {
        if chunked && self.bits.linked() == WeightBits::W8 {
            let (mut rest, mut words) = (source, self.words);
            for terms in self.terms.as_chunks::<2>().0 {
                let inputs = rest.len().min(CHUNK);
                let (now, behind) = rest.split_at_checked(inputs).unwrap_or((&[], &[]));
                let (out, others) = words.split_at_checked(inputs >> 1).unwrap_or((&[], &[]));
                for (cell, term) in terms.iter().zip(widen8(now, out)) {
                    cell.set(term);
                }
                (rest, words) = (behind, others);
            }
            return [0; 2];
        }
        match self.bits.linked() {
            WeightBits::W8 => widen8(source, self.words),
            WeightBits::W4 => widen4(source, self.words),
            WeightBits::W2 => widen2(source, self.words),
        }
    }

    /// Terms of a chunk.
    pub(super) fn terms_of(&self, chunk: usize) -> Terms {
        let terms = self.terms.as_chunks::<2>().0.get(chunk);
        terms.map_or([0; 2], |terms| [terms[0].get(), terms[1].get()])
    }
}

/// `e` and `o`; the sum of their products, and minus that and 128 times all inputs, times the factor of the weights.
#[inline(always)]
fn widen8(source: &[Cell<u8>], out: &[Cell<u32>]) -> Terms {
    let [crossed, sum] = imp::column(source, out);
    let all = crossed.wrapping_add(sum << 7);
    [crossed, (all << WeightBits::W8.log2_factor()).wrapping_neg()]
}

/// Combinations of `N` inputs and of the `N` behind them, side by side; minus the sum of their products, and of what `offsets`
/// make of them: that is what the offsets of packed weights leave. Zeros where inputs end.
#[inline(never)]
fn crossed<const N: usize, const W: usize>(
    source: &[Cell<u8>],
    out: &[Cell<u32>],
    split: fn(&[Cell<u8>; N]) -> [u32; W],
    offsets: [u32; W],
) -> Terms {
    let mut sum = 0;
    let mut inputs = source.as_chunks::<N>().0.iter();
    for out in out.chunks_exact(2 * W) {
        let first = inputs.next().map_or([0; W], split);
        let second = inputs.next().map_or([0; W], split);
        for (((pair, a), b), offset) in out.as_chunks::<2>().0.iter().zip(first).zip(second).zip(offsets) {
            pair[0].set(a);
            pair[1].set(b);
            sum = smlad(b, offset, smlad(a, offset, smlad(a, b, sum)));
        }
    }
    [sum.wrapping_neg(); 2]
}

/// `16 e - o` and `o`: eight times their sum is `128 e`.
fn widen4(source: &[Cell<u8>], out: &[Cell<u32>]) -> Terms {
    crossed(source, out, four, [0x0008_0008; 2])
}

/// `64 e - 16 o`, `16 o - 4 e'`, `4 e' - o'` and `o'`: this many of them are `128 (e + o + e')`.
fn widen2(source: &[Cell<u8>], out: &[Cell<u32>]) -> Terms {
    crossed(source, out, eight, [0x0002_0002, 0x000a_000a, 0x002a_002a, 0x002a_002a])
}

#[cfg(dsp)]
use super::vector_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use crate::arch::armv7em::simd::{smlad, sxtb16, sxtb16_ror8};
    use crate::arch::armv7em::widen::word;

    /// `e` and `o`; the sums of `e * o`, and of all inputs.
    pub(super) fn column(source: &[Cell<u8>], out: &[Cell<u32>]) -> [i32; 2] {
        let (mut crossed, mut sum) = (0, 0);
        for (bytes, out) in source.as_chunks::<4>().0.iter().zip(out.as_chunks::<2>().0) {
            let (even, odd) = (sxtb16(word(bytes)), sxtb16_ror8(word(bytes)));
            out[0].set(even);
            out[1].set(odd);
            crossed = smlad(even, odd, crossed);
            sum = smlad(odd, 0x0001_0001, smlad(even, 0x0001_0001, sum));
        }
        [crossed, sum]
    }
}
