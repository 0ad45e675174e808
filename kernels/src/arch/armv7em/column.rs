//! The columns under `P` output pixels (im2col of one strip), widened once for all output channels, and the
//! sums over activations that layout [`dsp`](crate::layout::dsp) subtracts.
//!
//! Scratch, in words: a table with an [`Entry`] per chunk, the columns, then staged bytes of the pixels.

use core::cell::Cell;

use super::product::PIXELS;
use super::simd::smlad;
use super::widen::{widen2, widen4, widen8};
use crate::WeightBits;
use crate::layout::dsp::{self, CHUNK_WORDS};

/// Words of a table entry: the strip's three sums (a column for each pixel), where the part of a chunk ends that is a
/// multiple of 16 inputs, and where the chunk ends.
pub(super) const ENTRY: usize = 5;

/// Inputs between two sums: 16-bit lanes hold them.
const CHUNK_INPUTS: usize = 4 * CHUNK_WORDS;

/// Bytes that a column is a multiple of: those of a word of weights.
const fn padded(bits: WeightBits, row_len: usize) -> usize {
    bits.row_words(row_len) << bits.log2_per_word()
}

const fn chunks(bits: WeightBits, row_len: usize) -> usize {
    match bits {
        WeightBits::W8 => dsp::chunks(row_len),
        _ => 1,
    }
}

/// Bytes of scratch for `pixels` columns of `row_len` inputs, staged ones included, at any address.
pub(super) const fn scratch_bytes(bits: WeightBits, row_len: usize, pixels: usize, staged: bool) -> usize {
    if row_len > dsp::MAX_ROW {
        return usize::MAX;
    }
    let widened = padded(bits, row_len) * 2 * pixels;
    let table = ENTRY * 4 * chunks(bits, row_len);
    let stage = if staged { padded(bits, row_len) * pixels } else { 0 };
    table + widened + stage + 3
}

/// Memory of the columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, const P: usize> {
    pub(super) bits: WeightBits,
    /// [`ENTRY`] words per chunk.
    pub(super) table: &'a [Cell<u32>],
    /// `2 P` words for four inputs.
    pub(super) words: &'a [Cell<u32>],
    stage: &'a [Cell<u8>],
    padded: usize,
}

impl<'a, const P: usize> Columns<'a, P> {
    /// Divides scratch of [`scratch_bytes`]; `None` where it is too small.
    pub(super) fn new(bits: WeightBits, row_len: usize, scratch: &'a [Cell<u8>]) -> Option<Self> {
        let aligned = scratch.get(scratch.as_ptr().align_offset(4)..)?;
        let padded = padded(bits, row_len);
        let (table, rest) = words(aligned).split_at_checked(ENTRY * chunks(bits, row_len))?;
        let (words, _) = rest.split_at_checked((padded >> 1) * P)?;
        let stage = aligned.get((table.len() + words.len()) << 2..)?;
        Some(Self { bits, table, words, stage, padded })
    }

    /// Bytes for the taps of pixel `p` before they are widened.
    pub(super) fn stage(&self, p: usize) -> &'a [Cell<u8>] {
        self.stage.get(p * self.padded..(p + 1) * self.padded).unwrap_or(&[])
    }

    /// The table's entries.
    pub(super) fn entries(&self) -> &'a [Cell<u32>] {
        self.table
    }

    /// Widens all staged pixels.
    pub(super) fn widen_stage(&self) {
        let mut filler = self.filler();
        filler.push(core::array::from_fn(|p| self.stage(p)));
        filler.finish();
    }

    /// Starts new columns.
    pub(super) fn filler(&self) -> Filler<'a, P> {
        Filler { columns: *self, at: 0, left: CHUNK_INPUTS, lanes: [0; P], sums: [0; P], entry: 0 }
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
    entry: usize,
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
                if self.columns.bits == WeightBits::W8 {
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

    /// Fills up with zeros and completes the table.
    #[inline(always)]
    pub(super) fn finish(mut self) {
        let zeros = [const { Cell::new(0) }; 16];
        let missing = zeros.get(..self.columns.padded - self.at).unwrap_or(&[]);
        self.push([missing; P]);
        if self.left < CHUNK_INPUTS {
            self.flush();
            self.close();
        } else if self.columns.bits != WeightBits::W8 {
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

    /// Writes the entry of a chunk.
    fn close(&mut self) {
        let factor = if self.columns.bits == WeightBits::W8 { -32_768 } else { -128 };
        let end = (self.at >> 1) * P;
        let rest = (self.at & 15) >> 1;
        let Some(entry) = self.columns.table.get(self.entry..self.entry + ENTRY) else { return };
        for (word, sum) in entry.iter().zip(&self.sums) {
            word.set(sum.wrapping_mul(factor) as u32);
        }
        for (word, end) in entry.iter().skip(3).zip([end - rest * P, end]) {
            word.set(mark(self.columns.words, end));
        }
        self.sums = [0; P];
        self.entry += ENTRY;
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

/// A place in the columns as the kernels compare it: an address on the device, an index elsewhere.
fn mark(words: &[Cell<u32>], index: usize) -> u32 {
    if cfg!(dsp) { words.as_ptr().wrapping_add(index).addr() as u32 } else { index as u32 }
}

/// The aligned words of bytes that start on a multiple of 4.
#[allow(unsafe_code)]
pub(super) fn words(bytes: &[Cell<u8>]) -> &[Cell<u32>] {
    // SAFETY: `Cell<u8>` and `Cell<u32>` are their contents in memory, any four bytes are a word, and cells may
    // alias.
    let (before, words, _) = unsafe { bytes.align_to::<Cell<u32>>() };
    if before.is_empty() { words } else { &[] }
}

/// Weights as words; `None` where they are not aligned.
#[allow(unsafe_code)]
pub(super) fn weight_words(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: any four bytes are a word.
    let (before, words, after) = unsafe { bytes.align_to::<u32>() };
    if before.is_empty() && after.is_empty() { Some(words) } else { None }
}
