//! The columns under a strip of output pixels (im2col), widened once for all output channels, and the sums over
//! activations that layout [`dsp`](crate::layout::dsp) subtracts.
//!
//! Scratch, in words: the pixels' sums for each chunk, the columns, then staged bytes.

use core::cell::Cell;

use super::product::PIXELS;
use super::widen::{MAX_INPUTS, Rows};
use crate::WeightBits;
use crate::layout::dsp::{Blocks, CHUNK_WORDS, Sizes};

// A piece of columns is a chunk.
const _: () = assert!(MAX_INPUTS == 4 * CHUNK_WORDS);

/// Bytes of scratch for the columns and `staged` rows of bytes, at any address.
#[inline(always)]
pub(super) const fn scratch_bytes(sizes: &Sizes, staged: usize) -> usize {
    (4 * sizes.chunks + 2 * sizes.padded_inputs()) * PIXELS + staged * sizes.padded_row + 3
}

/// Memory of the columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    bits: WeightBits,
    /// One of every pixel for each chunk.
    sums: &'a [Cell<i32>],
    /// Two of every pixel for four inputs.
    pub(super) words: &'a [Cell<u32>],
    stage: &'a [Cell<u8>],
    stage_bytes: usize,
    /// Whether every chunk has sums of its own.
    chunked: bool,
    /// Whether columns are filled piece by piece, so that their sums are written down.
    long: bool,
}

impl<'a> Columns<'a> {
    /// Divides scratch of [`scratch_bytes`]; `None` where it is too small.
    #[inline(always)]
    pub(super) fn new(sizes: &Sizes, folded: bool, scratch: &'a [Cell<u8>]) -> Option<Self> {
        let aligned = scratch.get(scratch.as_ptr().align_offset(4)..)?;
        let Blocks { bits, kernel_rows, .. } = sizes.blocks;
        let (inputs, stage_bytes) = (sizes.padded_inputs(), sizes.padded_row);
        let (sums, rest) = words(aligned).split_at_checked(PIXELS * sizes.chunks)?;
        let (words, _) = rest.split_at_checked((inputs >> 1) * PIXELS)?;
        let stage = aligned.get((sums.len() + words.len()) << 2..)?;
        // What pads all kernel rows together is zero, and stays so.
        let filled = kernel_rows * stage_bytes;
        words.iter().skip((filled >> 1) * PIXELS).for_each(|word| word.set(0));
        let chunked = !folded && matches!(bits.linked(), WeightBits::W8);
        let long = !folded || filled > MAX_INPUTS;
        Some(Self { bits, sums: signed(sums), words, stage, stage_bytes, chunked, long })
    }

    /// Sums of a chunk, or of all inputs.
    #[inline(always)]
    pub(super) fn sums_of(&self, chunk: usize) -> [i32; PIXELS] {
        let sums = self.sums.get(PIXELS * chunk..).unwrap_or(&[]);
        core::array::from_fn(|p| sums.get(p).map_or(0, Cell::get))
    }

    /// The columns behind their first `before` inputs.
    #[inline(always)]
    pub(super) fn words_behind(&self, before: usize) -> &'a [Cell<u32>] {
        self.words.get((before >> 1) * PIXELS..).unwrap_or(&[])
    }

    /// Bytes of a kernel row with those that pad it.
    pub(super) fn row_bytes(&self) -> usize {
        self.stage_bytes
    }

    /// Staged row `index`.
    pub(super) fn stage(&self, index: usize) -> &'a [Cell<u8>] {
        self.stage.get(index * self.stage_bytes..(index + 1) * self.stage_bytes).unwrap_or(&[])
    }

    /// Starts new columns.
    #[inline(always)]
    pub(super) fn filler(&self) -> Filler<'a> {
        let Self { bits, words: rest, sums: totals, chunked, .. } = *self;
        Filler { bits, rest, totals, chunked, left: MAX_INPUTS, sums: [0; PIXELS] }
    }

    /// All columns at once, from `rows` kernel rows that lie `next` bytes apart; gives their sums. `None` where there are
    /// too many inputs for that.
    #[inline(always)]
    pub(super) fn fill(
        &self,
        sources: [&'a [Cell<u8>]; PIXELS],
        count: usize,
        next: usize,
    ) -> Option<[i32; PIXELS]> {
        if self.long {
            return None;
        }
        let Self { bits, words: out, stage_bytes: row_bytes, .. } = *self;
        Some(Rows { bits, sources, row_bytes, next, count, out }.run())
    }
}

/// Fills columns from the first input to the last, in pieces whose sums have room in 16-bit lanes.
pub(super) struct Filler<'a> {
    bits: WeightBits,
    /// Words that are to be filled.
    rest: &'a [Cell<u32>],
    /// Where the sums of further chunks go.
    totals: &'a [Cell<i32>],
    /// Whether every chunk has sums of its own.
    chunked: bool,
    /// Inputs that are left of a chunk.
    left: usize,
    sums: [i32; PIXELS],
}

impl<'a> Filler<'a> {
    /// Appends bytes of each pixel: equally many, a multiple of 4, of 8 for 2-bit weights.
    pub(super) fn push(&mut self, mut source: [&[Cell<u8>]; PIXELS]) {
        loop {
            let count = source[0].len().min(self.left);
            if count == 0 {
                return;
            }
            let (out, rest) = self.rest.split_at_checked((count >> 1) * PIXELS).unwrap_or((&[], &[]));
            let sources = source.map(|bytes| bytes.get(..count).unwrap_or(&[]));
            let more = Rows { bits: self.bits, sources, row_bytes: count, next: 0, count: 1, out }.run();
            for (sum, more) in self.sums.iter_mut().zip(more) {
                *sum = sum.wrapping_add(more);
            }
            source = source.map(|bytes| bytes.get(count..).unwrap_or(&[]));
            self.rest = rest;
            self.left -= count;
            if self.left == 0 {
                self.left = MAX_INPUTS;
                if self.chunked {
                    self.close();
                }
            }
        }
    }

    /// Completes the sums: those of the last chunk.
    #[inline(always)]
    pub(super) fn finish(mut self) -> [i32; PIXELS] {
        let sums = self.sums;
        self.close();
        sums
    }

    fn close(&mut self) {
        let (now, behind) = self.totals.split_at_checked(PIXELS).unwrap_or((&[], &[]));
        for (cell, sum) in now.iter().zip(self.sums) {
            cell.set(sum);
        }
        self.totals = behind;
        self.sums = [0; PIXELS];
    }
}

/// The aligned words of bytes that start on a multiple of 4.
#[allow(unsafe_code)]
pub(super) fn words(bytes: &[Cell<u8>]) -> &[Cell<u32>] {
    // SAFETY: `Cell<u8>` and `Cell<u32>` are their contents in memory, any four bytes are a word, and cells may
    // alias.
    let (before, words, _) = unsafe { bytes.align_to::<Cell<u32>>() };
    if before.is_empty() { words } else { &[] }
}

/// The same words with a sign.
#[allow(unsafe_code)]
pub(super) fn signed(words: &[Cell<u32>]) -> &[Cell<i32>] {
    // SAFETY: both are any four bytes, and cells may alias.
    unsafe { words.align_to::<Cell<i32>>().1 }
}

/// Weights as words; `None` where they are not aligned.
#[allow(unsafe_code)]
pub(super) fn weight_words(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: any four bytes are a word.
    let (before, words, after) = unsafe { bytes.align_to::<u32>() };
    if before.is_empty() && after.is_empty() { Some(words) } else { None }
}
