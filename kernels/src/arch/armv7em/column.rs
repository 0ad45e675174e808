//! The columns under `P` output pixels (im2col of one strip), widened once for all output channels, and the
//! sums over activations that layout [`dsp`](crate::layout::dsp) subtracts.
//!
//! Scratch, in words: the pixels' sums for each chunk, the columns, then staged bytes of the pixels.

use core::cell::Cell;

use super::product::PIXELS;
use super::simd::smlad;
use super::widen::{widen2, widen4, widen8};
use crate::WeightBits;
use crate::layout::dsp::{Blocks, CHUNK_WORDS, MAX_ROW};

/// Inputs between two sums: 16-bit lanes hold them.
const CHUNK_INPUTS: usize = 4 * CHUNK_WORDS;

/// Bytes of scratch for `pixels` columns of a row's inputs, staged ones included, at any address.
pub(super) const fn scratch_bytes(blocks: &Blocks, pixels: usize, staged: bool) -> usize {
    if blocks.row_len > MAX_ROW {
        return usize::MAX;
    }
    let row = blocks.padded_row();
    let stage = if staged { row } else { 0 };
    (4 * blocks.chunks() + 2 * row + stage) * pixels + 3
}

/// Memory of the columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, const P: usize> {
    pub(super) bits: WeightBits,
    /// `P` sums for each chunk.
    pub(super) sums: &'a [Cell<i32>],
    /// `2 P` words for four inputs.
    pub(super) words: &'a [Cell<u32>],
    stage: &'a [Cell<u8>],
    padded: usize,
    /// Whether every chunk has sums of its own.
    chunked: bool,
}

impl<'a, const P: usize> Columns<'a, P> {
    /// Divides scratch of [`scratch_bytes`]; `None` where it is too small.
    pub(super) fn new(blocks: &Blocks, folded: bool, scratch: &'a [Cell<u8>]) -> Option<Self> {
        let aligned = scratch.get(scratch.as_ptr().align_offset(4)..)?;
        let padded = blocks.padded_row();
        let (sums, rest) = words(aligned).split_at_checked(P * blocks.chunks())?;
        let (words, _) = rest.split_at_checked((padded >> 1) * P)?;
        let stage = aligned.get((sums.len() + words.len()) << 2..)?;
        let chunked = !folded && matches!(blocks.bits, WeightBits::W8);
        Some(Self { bits: blocks.bits, sums: signed(sums), words, stage, padded, chunked })
    }

    /// Sums of a chunk, or of all inputs.
    #[inline(always)]
    pub(super) fn sums_of(&self, chunk: usize) -> [i32; P] {
        let sums = self.sums.get(P * chunk..).unwrap_or(&[]);
        core::array::from_fn(|p| sums.get(p).map_or(0, Cell::get))
    }

    /// Bytes for the taps of pixel `p` before they are widened.
    pub(super) fn stage(&self, p: usize) -> &'a [Cell<u8>] {
        self.stage.get(p * self.padded..(p + 1) * self.padded).unwrap_or(&[])
    }

    /// Widens all staged pixels.
    pub(super) fn widen_stage(&self) {
        let mut filler = self.filler();
        filler.push(core::array::from_fn(|p| self.stage(p)));
        filler.finish();
    }

    /// Starts new columns.
    pub(super) fn filler(&self) -> Filler<'a, P> {
        Filler { columns: *self, at: 0, left: CHUNK_INPUTS, lanes: [0; P], sums: [0; P], chunk: 0 }
    }
}

/// Fills columns from the first input to the last.
pub(super) struct Filler<'a, const P: usize> {
    columns: Columns<'a, P>,
    /// Inputs so far.
    at: usize,
    /// Inputs until the lanes are full.
    left: usize,
    lanes: [u32; P],
    sums: [i32; P],
    chunk: usize,
}

impl<const P: usize> Filler<'_, P> {
    /// Appends bytes of each pixel: equally many, a multiple of 4, of 8 for 2-bit weights.
    #[inline(always)]
    pub(super) fn push(&mut self, mut source: [&[Cell<u8>]; P]) {
        loop {
            let Some(first) = source.first() else { return };
            let count = first.len().min(self.left);
            if count == 0 {
                return;
            }
            let now = source.map(|bytes| bytes.get(..count).unwrap_or(&[]));
            source = source.map(|bytes| bytes.get(count..).unwrap_or(&[]));
            self.widen(now, count);
            self.left -= count;
            if self.left == 0 {
                self.flush();
                if self.columns.chunked {
                    self.close();
                }
            }
        }
    }

    #[inline(always)]
    fn widen(&mut self, source: [&[Cell<u8>]; P], count: usize) {
        let start = (self.at >> 1) * P;
        let out = self.columns.words.get(start..start + (count >> 1) * P).unwrap_or(&[]);
        self.at += count;
        widen::<P>(self.columns.bits, source, out, &mut self.lanes);
    }

    /// Fills up with zeros and completes the sums.
    #[inline(always)]
    pub(super) fn finish(mut self) {
        if self.at < self.columns.padded {
            let zeros = [const { Cell::new(0) }; 16];
            let missing = zeros.get(..self.columns.padded - self.at).unwrap_or(&[]);
            self.push([missing; P]);
        }
        if self.left < CHUNK_INPUTS || !self.columns.chunked {
            self.flush();
            self.close();
        }
    }

    fn flush(&mut self) {
        for (sum, lanes) in self.sums.iter_mut().zip(&mut self.lanes) {
            *sum = smlad(*lanes, 0x0001_0001, *sum);
            *lanes = 0;
        }
        self.left = CHUNK_INPUTS;
    }

    /// Writes the sums of a chunk.
    fn close(&mut self) {
        let log2_factor = if self.columns.bits == WeightBits::W8 { 15 } else { 7 };
        let cells = self.columns.sums.get(P * self.chunk..).unwrap_or(&[]);
        for (cell, sum) in cells.iter().zip(&self.sums) {
            cell.set((sum << log2_factor).wrapping_neg());
        }
        self.sums = [0; P];
        self.chunk += 1;
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
