//! The columns under `P` output pixels (im2col of one strip), widened once for all output channels, and the
//! sums over activations that layout [`dsp`](crate::layout::dsp) subtracts.
//!
//! Scratch, in words: the pixels' sums for each chunk, the columns, then staged bytes.

use core::cell::Cell;

use super::product::PIXELS;
use super::simd::smlad;
use super::widen::{widen2, widen4, widen8};
use crate::WeightBits;
use crate::layout::dsp::{Blocks, CHUNK_WORDS};

/// Inputs between two sums: 16-bit lanes hold them.
const CHUNK_INPUTS: usize = 4 * CHUNK_WORDS;

/// Bytes of scratch for `pixels` columns and `staged` rows of bytes, at any address.
pub(super) const fn scratch_bytes(blocks: &Blocks, pixels: usize, staged: usize) -> usize {
    if !blocks.fits() {
        return usize::MAX;
    }
    (4 * blocks.chunks() + 2 * blocks.padded_inputs()) * pixels + staged * blocks.padded_row() + 3
}

/// Memory of the columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, const P: usize> {
    bits: WeightBits,
    /// `P` sums for each chunk.
    sums: &'a [Cell<i32>],
    /// `2 P` words for four inputs.
    pub(super) words: &'a [Cell<u32>],
    stage: &'a [Cell<u8>],
    stage_bytes: usize,
    /// Inputs behind the last kernel row.
    missing: usize,
    /// Whether every chunk has sums of its own.
    chunked: bool,
}

impl<'a, const P: usize> Columns<'a, P> {
    /// Divides scratch of [`scratch_bytes`]; `None` where it is too small.
    pub(super) fn new(blocks: &Blocks, folded: bool, scratch: &'a [Cell<u8>]) -> Option<Self> {
        let aligned = scratch.get(scratch.as_ptr().align_offset(4)..)?;
        let (inputs, stage_bytes) = (blocks.padded_inputs(), blocks.padded_row());
        let (sums, rest) = words(aligned).split_at_checked(P * blocks.chunks())?;
        let (words, _) = rest.split_at_checked((inputs >> 1) * P)?;
        let stage = aligned.get((sums.len() + words.len()) << 2..)?;
        let missing = inputs - blocks.kernel_rows * blocks.padded_row();
        let chunked = !folded && matches!(blocks.bits, WeightBits::W8);
        Some(Self { bits: blocks.bits, sums: signed(sums), words, stage, stage_bytes, missing, chunked })
    }

    /// Sums of a chunk, or of all inputs.
    #[inline(always)]
    pub(super) fn sums_of(&self, chunk: usize) -> [i32; P] {
        let sums = self.sums.get(P * chunk..).unwrap_or(&[]);
        core::array::from_fn(|p| sums.get(p).map_or(0, Cell::get))
    }

    /// Staged row `index`.
    pub(super) fn stage(&self, index: usize) -> &'a [Cell<u8>] {
        self.stage.get(index * self.stage_bytes..(index + 1) * self.stage_bytes).unwrap_or(&[])
    }

    /// Starts new columns.
    #[inline(always)]
    pub(super) fn filler(&self) -> Filler<'a, P> {
        Filler {
            bits: self.bits,
            rest: self.words,
            left: CHUNK_INPUTS,
            lanes: [0; P],
            sums: [0; P],
            out: self.sums,
            missing: self.missing,
            chunked: self.chunked,
        }
    }
}

/// Fills columns from the first input to the last.
pub(super) struct Filler<'a, const P: usize> {
    bits: WeightBits,
    /// Words that are to be filled.
    rest: &'a [Cell<u32>],
    /// Inputs until the lanes are full.
    left: usize,
    lanes: [u32; P],
    sums: [i32; P],
    /// Where sums are to go.
    out: &'a [Cell<i32>],
    missing: usize,
    chunked: bool,
}

impl<const P: usize> Filler<'_, P> {
    /// Appends bytes of each pixel: equally many, a multiple of 4, of 8 for 2-bit weights.
    #[inline(always)]
    pub(super) fn push(&mut self, source: [&[Cell<u8>]; P]) {
        let count = source.first().map_or(0, |bytes| bytes.len());
        if count < self.left {
            self.widen(source, count);
        } else {
            self.push_long(source, count);
        }
    }

    /// Bytes that fill the lanes.
    #[inline(never)]
    fn push_long(&mut self, mut source: [&[Cell<u8>]; P], mut count: usize) {
        while count > 0 {
            let now = count.min(self.left);
            self.widen(source.map(|bytes| bytes.get(..now).unwrap_or(&[])), now);
            source = source.map(|bytes| bytes.get(now..).unwrap_or(&[]));
            count -= now;
            if self.left == 0 {
                self.flush();
                if self.chunked {
                    self.close();
                }
            }
        }
    }

    #[inline(always)]
    fn widen(&mut self, source: [&[Cell<u8>]; P], count: usize) {
        let (now, rest) = self.rest.split_at_checked((count >> 1) * P).unwrap_or((&[], &[]));
        self.rest = rest;
        self.left -= count;
        widen::<P>(self.bits, source, now, &mut self.lanes);
    }

    /// Fills up with zeros and completes the sums.
    #[inline(always)]
    pub(super) fn finish(mut self) {
        if self.missing > 0 {
            let zeros = [const { Cell::new(0) }; 16];
            let missing = zeros.get(..self.missing).unwrap_or(&[]);
            self.push([missing; P]);
        }
        if self.left < CHUNK_INPUTS || !self.chunked {
            self.flush();
            self.close();
        }
    }

    #[inline(always)]
    fn flush(&mut self) {
        for (sum, lanes) in self.sums.iter_mut().zip(&mut self.lanes) {
            *sum = smlad(*lanes, 0x0001_0001, *sum);
            *lanes = 0;
        }
        self.left = CHUNK_INPUTS;
    }

    /// Writes the sums of a chunk.
    #[inline(always)]
    fn close(&mut self) {
        let log2_factor = if self.bits == WeightBits::W8 { 15 } else { 7 };
        let (now, rest) = self.out.split_at_checked(P).unwrap_or((&[], &[]));
        for (cell, sum) in now.iter().zip(&self.sums) {
            cell.set((sum << log2_factor).wrapping_neg());
        }
        self.sums = [0; P];
        self.out = rest;
    }
}

/// [`widen8`] and its siblings by width, for the two strip widths that there are.
#[inline(always)]
fn widen<const P: usize>(bits: WeightBits, source: [&[Cell<u8>]; P], out: &[Cell<u32>], sums: &mut [u32; P]) {
    if let ([a, b, c], [x, y, z]) = (&source[..], &mut sums[..]) {
        let (source, mut strip) = ([*a, *b, *c], [*x, *y, *z]);
        match bits {
            WeightBits::W8 => strip::widen8(source, out, &mut strip),
            WeightBits::W4 => strip::widen4(source, out, &mut strip),
            WeightBits::W2 => widen2::<PIXELS, { 4 * PIXELS }>(source, out, &mut strip),
        }
        [*x, *y, *z] = strip;
        return;
    }
    match bits {
        WeightBits::W8 => widen8::<P, 2>(source, out, sums),
        WeightBits::W4 => widen4::<P, 2>(source, out, sums),
        WeightBits::W2 => widen2::<P, 4>(source, out, sums),
    }
}

#[cfg(dsp)]
use super::widen_asm as strip;

#[cfg(not(dsp))]
mod strip {
    //! Three pixels by portable arithmetic.

    use core::cell::Cell;

    use crate::arch::armv7em::product::PIXELS;
    use crate::arch::armv7em::widen;

    pub(super) fn widen8(source: [&[Cell<u8>]; PIXELS], out: &[Cell<u32>], sums: &mut [u32; PIXELS]) {
        widen::widen8::<PIXELS, { 2 * PIXELS }>(source, out, sums);
    }

    pub(super) fn widen4(source: [&[Cell<u8>]; PIXELS], out: &[Cell<u32>], sums: &mut [u32; PIXELS]) {
        widen::widen4::<PIXELS, { 2 * PIXELS }>(source, out, sums);
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
fn signed(words: &[Cell<u32>]) -> &[Cell<i32>] {
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
