//! Fully connected layer of bytes with weights of 4 and 2 bits on Armv6-M and Armv7-M: as in [`super::narrow`], for one
//! column of inputs, a part of which at a time becomes words.

#![allow(unsafe_code, reason = "the call of instructions by name")]

use core::cell::Cell;

use super::four::{Pixel, SHIFT, stored_scale};
use super::narrow::ROUND;
#[cfg(armv6m)]
use super::narrow_dense_v6m as imp;
#[cfg(armv7m)]
use super::narrow_dense_v7m as imp;
use crate::numerics::requantize;
use crate::op::{Accumulate, Dense};
use crate::{KernelError, Tensor, WeightBits};

/// Most inputs of a part.
const PART: usize = 128;

/// Words of a part: one for two inputs of a round, and one for each input behind the last.
const WORDS: usize = PART / 2 + ROUND / 2;

/// Rows that meet the same words.
const GROUP: usize = 16;

/// Rows of weights and the words of a part, as the instructions find them.
#[repr(C)]
pub(super) struct Rows {
    /// Behind the last row's sum.
    sums_end: *mut i32,
    /// Index of the first row from the end of all.
    index: isize,
    words: *const Cell<u32>,
    words_end: *const Cell<u32>,
    /// From the end of a row's part to the next row's: bytes.
    skip: usize,
    /// What is added to every sum.
    start: i32,
    weights: *const u8,
    /// End of the words of whole rounds.
    rounds_end: *const Cell<u32>,
}

/// A step with narrow weights.
struct Narrow<'a> {
    op: &'a Dense<'a>,
    bits: WeightBits,
    words: &'a [Cell<u32>; WORDS],
}

impl Narrow<'_> {
    /// Makes words of a part's inputs; what a sum of their products begins with.
    fn fill(&self, inputs: &[Cell<u8>]) -> i32 {
        let (rounds, rest) = inputs.as_chunks::<ROUND>();
        let inputs = rounds.as_flattened().as_ptr_range();
        let (words, behind) = self.words.split_at_checked(rounds.len() * (ROUND / 2)).unwrap_or((&[], &[]));
        let sum = if words.is_empty() {
            0
        } else {
            // SAFETY: there is a word for every two inputs of whole rounds; cells may be written.
            unsafe {
                match self.bits {
                    WeightBits::W2 => imp::dense_pairs_2(words.as_ptr(), inputs.start, inputs.end),
                    _ => imp::dense_pairs_4(words.as_ptr(), inputs.start, inputs.end),
                }
            }
        };
        let rest = rest.iter().map(|x| i32::from(x.get() as i8) as u32).chain(core::iter::repeat(0));
        behind.iter().zip(rest).take(ROUND).for_each(|(word, x)| word.set(x));
        // Signs are turned by half the range of a weight.
        -(sum << (self.bits.bits() - 1))
    }

    /// Adds products of rows that lie `stride` bytes apart with the inputs that are words; `weights` begin with the first
    /// row's for them.
    fn add(&self, start: i32, inputs: usize, weights: &[u8], stride: usize, sums: &mut [i32]) {
        let bytes = self.bits.row_bytes(inputs);
        let rounds = (inputs & !(ROUND - 1)) / 2;
        let rest = (bytes << self.bits.log2_per_byte()) - 2 * rounds;
        let Some(rows) = sums.len().checked_sub(1) else { return };
        let words = self.words.get(..rounds + rest);
        let (Some(words), Some(weights)) = (words, weights.get(..rows * stride + bytes)) else { return };
        let range = words.as_ptr_range();
        let task = Rows {
            sums_end: sums.as_mut_ptr_range().end,
            index: 0isize.wrapping_sub_unsigned(sums.len()),
            words: range.start,
            words_end: range.end,
            skip: stride - bytes,
            start,
            weights: weights.as_ptr(),
            rounds_end: range.start.wrapping_add(rounds),
        };
        // SAFETY: the last row's weights lie in `weights`, `words` are those of whole bytes of weights, and whole rounds
        // end among them.
        unsafe {
            match self.bits {
                WeightBits::W2 => imp::rows_2(&task),
                _ => imp::rows_4(&task),
            }
        }
    }

    /// Sums of products of a group of rows from `first` on; `kept` is what the sums begin with where all inputs are words.
    #[inline(never)]
    fn group(&self, inputs: &[Cell<u8>], kept: Option<i32>, first: usize, sums: &mut [i32]) {
        let stride = self.bits.row_bytes(inputs.len());
        let mut weights = self.op.accumulate.weights.get(first * stride..).unwrap_or(&[]);
        for part in inputs.chunks(PART) {
            let start = kept.unwrap_or_else(|| self.fill(part));
            self.add(start, part.len(), weights, stride, sums);
            weights = weights.get(self.bits.row_bytes(part.len())..).unwrap_or(&[]);
        }
    }
}

/// Fully connected layer of bytes, see [`Dense`].
///
/// # Errors
/// Those of [`Dense::check`].
#[inline(never)]
pub(super) fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let Accumulate { bias, multipliers, clamp, shift, weight_bits, .. } = op.accumulate;
    let (inputs, channels) = (x.cells(), usize::from(y.spec().dims.c));
    let words = [const { Cell::new(0) }; WORDS];
    let narrow = Narrow { op, bits: weight_bits.linked(), words: &words };
    let scale = stored_scale(&op.accumulate, residual.is_some(), y.spec().dtype, inputs.len());
    let kept = (inputs.len() <= PART).then(|| narrow.fill(inputs));
    let mut all = [0i32; GROUP];
    let mut first = 0;
    while first < channels {
        let sums = all.get_mut(..GROUP.min(channels - first)).unwrap_or(&mut []);
        sums.fill(0);
        narrow.group(inputs, kept, first, sums);
        if let Some(scale) = scale {
            let constants = bias.iter().zip(multipliers).zip(y.cells()).skip(first);
            for (((bias, multiplier), out), sum) in constants.zip(&*sums) {
                let accumulator = sum.wrapping_add(*bias) << scale;
                out.set(requantize(accumulator, *multiplier, shift.max(SHIFT), clamp) as u8);
            }
        } else {
            store(op, residual, y, first, sums);
        }
        first += GROUP;
    }
    Ok(())
}

/// Results of sums for channels from `first` on, one by one.
#[inline(never)]
fn store(op: &Dense, residual: Option<&Tensor>, y: &Tensor, first: usize, sums: &[i32]) {
    let output = Pixel::new(&op.accumulate, y, residual, (0, 0));
    sums.iter().enumerate().for_each(|(i, sum)| output.store_one(first + i, *sum));
}
