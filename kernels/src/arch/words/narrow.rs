//! Convolution with weights of 4 and 2 bits on Armv6-M and Armv7-M: a mask takes two weights out of a word, and one
//! multiplication adds their products with two inputs.
//!
//! The mask leaves `u + v * 2^16` of weights with their signs turned, `u = w + 8` of 4 bits and `w + 2` of 2. The word
//! `x * 2^16 + y` of the inputs that belong to them makes `(u x + v y) * 2^16 + u y` of it in 32 bits. The lower sums of
//! a round keep to their 16 bits, and so do the upper ones: 8 products of 3840 at most. What the turned signs add to a
//! row's sum is the same for all rows.
//!
//! Inputs behind the last whole round are words `b * 2^16 + a` of both pixels, which meet one weight at a time: sums of
//! 15 products of 1024 at most.

#![allow(unsafe_code, reason = "the call of instructions by name")]

use core::cell::Cell;

use super::column::PIXELS;
use super::conv2d::{Order, strip_pixels};
use super::four::{Pixel, SHIFT, stored_scale};
#[cfg(armv6m)]
use super::narrow_v6m as imp;
#[cfg(armv7m)]
use super::narrow_v7m as imp;
use super::product::ROWS;
use crate::arch::armv7em::bytes::clamp_bytes;
use crate::op::{Accumulate, Conv2d};
use crate::tensor::read;
use crate::{Dtype, Tensor, WeightBits};

/// Inputs of a round.
pub(super) const ROUND: usize = 16;

/// Rows of weights and the columns of two pixels, as the instructions find them.
#[repr(C)]
pub(super) struct Rows {
    end: End,
    /// Index of the first row from the end of all.
    index: isize,
    words: *const Cell<u32>,
    /// What the sums of both pixels begin with.
    start: [i32; PIXELS],
    words_end: *const Cell<u32>,
    weights: *const u8,
    /// End of the words of whole rounds.
    rounds_end: *const Cell<u32>,
}

/// What lies behind the last row's: sums, or what makes results of them.
#[repr(C)]
union End {
    sums: *mut [i32; PIXELS],
    results: *const Results,
}

/// How sums become results; all pointers are behind the last row's.
#[repr(C)]
struct Results {
    bias: *const i32,
    multipliers: *const i32,
    out: [*const Cell<u8>; PIXELS],
    /// Accumulators are larger by so many bits.
    scale: u32,
    /// Of the product's high word.
    shift: u32,
}

/// Runs a checked step; `words` are those of a strip. Says whether it did: not with weights of 8 bits.
#[inline(never)]
pub(super) fn run(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    words: &[Cell<u32>],
    y: &Tensor,
) -> bool {
    let Some(narrow) = Narrow::new(x, residual, op, y, words) else { return false };
    let (rows, columns, _) = y.spec().dims.hwc();
    let mut order = Order::new((rows, columns), op.descends(&x.spec(), &y.spec()));
    let same_type = residual.is_none_or(|r| r.spec().dtype == y.spec().dtype);
    let mut left = rows * columns;
    while left > 0 {
        let count = strip_pixels(same_type, left);
        let first = order.next();
        narrow.strip([first, if count == PIXELS { order.next() } else { first }]);
        left -= count;
    }
    if narrow.scale.is_some() {
        clamp_bytes(y.cells(), op.accumulate.clamp);
    }
    true
}

/// A step with narrow weights.
struct Narrow<'a> {
    x: &'a Tensor<'a>,
    residual: Option<&'a Tensor<'a>>,
    op: &'a Conv2d<'a>,
    y: &'a Tensor<'a>,
    words: &'a [Cell<u32>],
    row_bytes: usize,
    /// Inputs that rounds take, and from one of a pair to the other.
    rounds: usize,
    apart: usize,
    /// See [`stored_scale`], where results are stored by instructions.
    scale: Option<u32>,
}

impl<'a> Narrow<'a> {
    /// `None` for weights of 8 bits.
    fn new(
        x: &'a Tensor<'a>,
        residual: Option<&'a Tensor<'a>>,
        op: &'a Conv2d<'a>,
        y: &'a Tensor<'a>,
        words: &'a [Cell<u32>],
    ) -> Option<Self> {
        let accumulate = &op.accumulate;
        let bits = accumulate.weight_bits.linked();
        let row_len = op.column_len().filter(|_| bits != WeightBits::W8)?;
        words.iter().skip(row_len).for_each(|word| word.set(0));
        Some(Self {
            x,
            residual,
            op,
            y,
            words,
            row_bytes: bits.row_bytes(row_len),
            rounds: row_len & !(ROUND - 1),
            apart: if bits == WeightBits::W2 { 8 } else { 4 },
            scale: stored_scale(accumulate, residual.is_some(), y.spec().dtype, row_len),
        })
    }

    /// The results of two pixels, of which the second may be the first once more.
    fn strip(&self, pixels: [(usize, usize); PIXELS]) {
        let [a, b] = pixels;
        let sums = [self.fill(0, a), self.fill(1, b)];
        // Signs are turned by half the range of a weight.
        let turned = self.op.accumulate.weight_bits.bits() - 1;
        let start = sums.map(|sum| 0i32.wrapping_sub(sum << turned));
        let Accumulate { bias, multipliers, shift, .. } = self.op.accumulate;
        let channels = usize::from(self.y.spec().dims.c);
        if let Some(scale) = self.scale {
            let out = pixels.map(|(oy, ox)| self.y.pixel(oy, ox));
            if bias.len().min(multipliers.len()).min(out[0].len()).min(out[1].len()) < channels {
                return;
            }
            let results = Results {
                bias: bias.as_ptr().wrapping_add(channels),
                multipliers: multipliers.as_ptr().wrapping_add(channels),
                out: out.map(|out| out.as_ptr().wrapping_add(channels)),
                scale,
                shift: shift.saturating_sub(SHIFT).into(),
            };
            return self.rows(0, channels, start, End { results: &results }, true);
        }
        self.store(pixels, start);
    }

    /// Results of a strip whose sums begin with `start`, one by one.
    #[inline(never)]
    fn store(&self, pixels: [(usize, usize); PIXELS], start: [i32; PIXELS]) {
        let channels = usize::from(self.y.spec().dims.c);
        let [first, second] =
            pixels.map(|pixel| Pixel::new(&self.op.accumulate, self.y, self.residual, pixel));
        let mut c = 0;
        while c < channels {
            let count = ROWS.min(channels - c);
            let mut sums = [[0; PIXELS]; ROWS];
            let end = sums.as_mut_ptr().wrapping_add(count);
            self.rows(c, count, start, End { sums: end }, false);
            for (channel, [a, b]) in (c..c + count).zip(sums) {
                first.store_one(channel, a);
                if pixels[0] != pixels[1] {
                    second.store_one(channel, b);
                }
            }
            c += count;
        }
    }

    /// Runs `count` rows from `first` on; `end` has places for as many, of results where those are stored.
    #[inline(never)]
    fn rows(&self, first: usize, count: usize, start: [i32; PIXELS], end: End, results: bool) {
        let bits = self.op.accumulate.weight_bits.linked();
        let inputs = self.row_bytes << bits.log2_per_byte();
        let weights =
            self.op.accumulate.weights.get(first * self.row_bytes..(first + count) * self.row_bytes);
        let (Some(weights), Some(words)) = (weights, self.words.get(..inputs)) else { return };
        let range = words.as_ptr_range();
        let task = Rows {
            end,
            index: 0isize.wrapping_sub_unsigned(count),
            words: range.start,
            start,
            words_end: range.end,
            weights: weights.as_ptr(),
            rounds_end: range.start.wrapping_add(self.rounds),
        };
        // SAFETY: `words` are those of whole bytes of weights, a row of which has as many, and whole rounds end among
        // them; there are places for all rows, and cells may be written.
        unsafe {
            match (bits, results) {
                (WeightBits::W2, true) => imp::rows_2_last(&task),
                (WeightBits::W2, false) => imp::rows_2(&task),
                (_, true) => imp::rows_4_last(&task),
                (_, false) => imp::rows_4(&task),
            }
        }
    }

    /// Fills the column of a strip's pixel, 0 and then 1. Gives the sum of the inputs that rounds take.
    #[inline(never)]
    fn fill(&self, pixel: usize, (oy, ox): (usize, usize)) -> i32 {
        let (rows, columns, channels) = self.x.spec().dims.hwc();
        let geometry = &self.op.geometry;
        let [kh, kw] = geometry.kernel.map(usize::from);
        let bytes = self.x.spec().dtype == Dtype::I8;
        let inside = geometry.dilation[1] == 1 && geometry.column(ox, kw - 1, columns).is_some();
        let start = geometry.column(ox, 0, columns).filter(|_| bytes && inside);
        let (mut at, mut sum) = (0, 0i32);
        for ky in 0..kh {
            let row = geometry.row(oy, ky, rows);
            if let (Some(iy), Some(ix)) = (row, start) {
                let first = (iy * columns + ix) * channels;
                let run = self.x.cells().get(first..first + kw * channels);
                sum = sum.wrapping_add(self.put(pixel, at, run, kw * channels));
                at += kw * channels;
                continue;
            }
            for kx in 0..kw {
                let tap = row.zip(geometry.column(ox, kx, columns)).map(|(iy, ix)| self.x.pixel(iy, ix));
                sum = sum.wrapping_add(self.put(pixel, at, tap, channels));
                at += channels;
            }
        }
        sum
    }

    /// Puts `count` inputs into the column from input `at` on: elements, or zero points.
    #[inline(never)]
    fn put(&self, pixel: usize, at: usize, from: Option<&[Cell<u8>]>, count: usize) -> i32 {
        let spec = self.x.spec();
        let zero = i32::from(spec.zero);
        let mut rounds = 0;
        if at & (ROUND - 1) == 0 && spec.dtype == Dtype::I8 {
            rounds = count.min(self.rounds.saturating_sub(at)) & !(ROUND - 1);
        }
        let mut sum = self.put_rounds(pixel, at, from.map(|from| from.get(..rounds).unwrap_or(&[])), rounds);
        // The first input of a word makes it, the second one is added.
        let single = |word: &Cell<u32>, x: i32| {
            word.set(if pixel == 0 { x as u32 } else { word.get().wrapping_add((x as u32) << 16) });
        };
        let mut done = rounds;
        if let Some(from) = from.filter(|_| spec.dtype == Dtype::I8 && at + done >= self.rounds) {
            let words = self.words.get(at + done..at + count).unwrap_or(&[]);
            let bytes = words.iter().zip(from.get(done..).unwrap_or(&[]));
            bytes.for_each(|(word, x)| single(word, i32::from(x.get() as i8)));
            done = count;
        }
        for i in done..count {
            let x = from.map_or(zero, |from| read(from, spec.dtype, i));
            let at = at + i;
            if at >= self.rounds {
                self.words.get(at).iter().for_each(|word| single(word, x));
                continue;
            }
            let (pair, upper) = (at & (self.apart - 1), at & self.apart == 0);
            if let Some(word) = self.words.get((at & !(2 * self.apart - 1)) + PIXELS * pair + pixel) {
                word.set(if upper { (x as u32) << 16 } else { word.get().wrapping_add(x as u32) });
            }
            sum = sum.wrapping_add(x);
        }
        sum
    }

    /// The same for whole rounds of bytes.
    #[inline(always)]
    fn put_rounds(&self, pixel: usize, at: usize, from: Option<&[Cell<u8>]>, count: usize) -> i32 {
        let Some(words) = self.words.get(at..at + count).filter(|words| !words.is_empty()) else { return 0 };
        let Some(from) = from else {
            let zero = i32::from(self.x.spec().zero);
            let word = ((zero << 16) + zero) as u32;
            words.iter().skip(pixel).step_by(PIXELS).for_each(|place| place.set(word));
            return zero.wrapping_mul(count as i32);
        };
        if from.len() != count || pixel >= PIXELS {
            return 0;
        }
        let (words, range) = (words.as_ptr().wrapping_add(pixel), from.as_ptr_range());
        // SAFETY: there are as many words for both pixels as inputs, whole rounds of them; cells may be written.
        unsafe {
            if self.apart == 8 {
                imp::pairs_2(words, range.start, range.end)
            } else {
                imp::pairs_4(words, range.start, range.end)
            }
        }
    }
}
