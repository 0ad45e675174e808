//! Sums of four rows of weights with the columns of two pixels, or with one input.

use core::cell::Cell;

use super::column::PIXELS;
use crate::WeightBits;
#[cfg(not(any(armv6m, armv7m)))]
use crate::numerics::{Clamp, requantize};

/// Rows that are multiplied together.
pub(super) const ROWS: usize = 4;

/// How sums become bytes: bias and multipliers of four channels each, the shift of a product's high word.
#[derive(Clone, Copy)]
pub(super) struct Results<'a> {
    pub(super) bias: &'a [[i32; ROWS]],
    pub(super) multipliers: &'a [[i32; ROWS]],
    pub(super) shift: u8,
}

impl<'a> Results<'a> {
    /// Those of as many blocks as there are constants of, places for results, and rows of `row_bytes` weights.
    fn of(self, places: usize, weights: usize, row_bytes: usize) -> Option<Self> {
        let blocks = self.bias.len().min(self.multipliers.len()).min(places);
        let (bias, multipliers) = (self.bias.get(..blocks)?, self.multipliers.get(..blocks)?);
        let rows = crate::size::product(blocks * ROWS, row_bytes)?;
        (row_bytes > 0 && rows <= weights).then_some(Self { bias, multipliers, ..self })
    }
}

/// Sums of two pixels with four rows, `stride` bytes apart. `words` are those of whole bytes of weights, which are of 8 bits
/// on Armv6-M and Armv7-M.
#[inline(always)]
pub(super) fn strip(
    words: &[Cell<u32>],
    weights: &[u8],
    stride: usize,
    bits: WeightBits,
    row_bytes: usize,
) -> [[i32; ROWS]; PIXELS] {
    let inputs = row_bytes << bits.log2_per_byte();
    match (words.get(..inputs), weights.get(..(ROWS - 1) * stride + row_bytes)) {
        (Some(words), Some(weights)) if row_bytes > 0 => imp::strip(words, weights, stride, bits, row_bytes),
        _ => [[0; ROWS]; PIXELS],
    }
}

/// The same for all whole blocks of four rows of 8-bit weights, which are consecutive; stores the results of both pixels.
/// Gives the channels that are done.
#[cfg(armv7m)]
#[inline(never)]
pub(super) fn store_strip(
    words: &[Cell<u32>],
    weights: &[u8],
    row_bytes: usize,
    results: Results,
    out: [&[Cell<u8>]; PIXELS],
) -> usize {
    let [a, b] = out.map(|out| out.as_chunks().0);
    match (words.get(..row_bytes), results.of(a.len().min(b.len()), weights.len(), row_bytes)) {
        (Some(words), Some(results)) => {
            imp::store_strip(words, weights, row_bytes, results, [a, b]);
            results.bias.len() * ROWS
        }
        _ => 0,
    }
}

/// Sums of four rows of 8-bit weights, `stride` bytes apart, with one input.
#[inline(always)]
pub(super) fn dense(input: &[Cell<u8>], weights: &[u8], stride: usize) -> [i32; ROWS] {
    match weights.get(..(ROWS - 1) * stride + input.len()) {
        Some(weights) if !input.is_empty() => imp::dense(input, weights, stride),
        _ => [0; ROWS],
    }
}

/// The same for all whole blocks of four rows, which are consecutive; stores the results. Gives the channels that are
/// done.
#[inline(never)]
pub(super) fn store_dense(input: &[Cell<u8>], weights: &[u8], results: Results, out: &[Cell<u8>]) -> usize {
    let (out, _) = out.as_chunks();
    match results.of(out.len(), weights.len(), input.len()) {
        Some(results) => {
            store(input, weights, results, out);
            results.bias.len() * ROWS
        }
        _ => 0,
    }
}

#[cfg(any(armv6m, armv7m))]
use imp::store_dense as store;

/// [`store_dense`] where no instructions store results: as many blocks as there are places.
#[cfg(not(any(armv6m, armv7m)))]
fn store(input: &[Cell<u8>], weights: &[u8], results: Results, out: &[[Cell<u8>; ROWS]]) {
    let mut rows = weights;
    for ((out, bias), multipliers) in out.iter().zip(results.bias).zip(results.multipliers) {
        let sums = imp::dense(input, rows, input.len());
        rows = rows.get(ROWS * input.len()..).unwrap_or(&[]);
        for (((out, sum), bias), multiplier) in out.iter().zip(sums).zip(bias).zip(multipliers) {
            let clamp = Clamp { lo: -128, hi: 127 };
            out.set(requantize(sum.wrapping_add(*bias), *multiplier, results.shift + 32, clamp) as u8);
        }
    }
}

#[cfg(rv32im)]
use super::product_rv32 as imp;
#[cfg(armv6m)]
use super::product_v6m as imp;
#[cfg(armv7m)]
use super::product_v7m as imp;
#[cfg(not(any(armv6m, armv7m, rv32im)))]
use portable as imp;

/// Four rows of `bytes` bytes.
#[cfg(not(any(armv6m, armv7m, rv32im)))]
fn rows(weights: &[u8], stride: usize, bytes: usize) -> [&[u8]; ROWS] {
    [0, 1, 2, 3].map(|row| weights.get(row * stride..row * stride + bytes).unwrap_or(&[]))
}

/// Portable arithmetic, for any core and width.
#[cfg(not(any(armv6m, armv7m, rv32im)))]
mod portable {
    use core::cell::Cell;

    use super::{PIXELS, ROWS, rows};
    use crate::WeightBits;

    /// See [`super::strip`].
    pub(in super::super) fn strip(
        words: &[Cell<u32>],
        weights: &[u8],
        stride: usize,
        bits: WeightBits,
        row_bytes: usize,
    ) -> [[i32; ROWS]; PIXELS] {
        let [a, b, c, d] = rows(weights, stride, row_bytes);
        let bytes = a.iter().zip(b).zip(c).zip(d);
        let mut sums = [[0i32; ROWS]; PIXELS];
        let mut add = |word: &Cell<u32>, weights: [i32; ROWS]| {
            let pixels = [i32::from(word.get() as i8), (word.get() as i32) >> 24];
            for (sums, x) in sums.iter_mut().zip(pixels) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = sum.wrapping_add(x * weight);
                }
            }
        };
        let width = bits.bits();
        match bits {
            WeightBits::W8 => {
                for (word, (((a, b), c), d)) in words.iter().zip(bytes) {
                    add(word, [a, b, c, d].map(|&byte| i32::from(byte as i8)));
                }
            }
            WeightBits::W4 => {
                for (words, (((a, b), c), d)) in words.as_chunks::<2>().0.iter().zip(bytes) {
                    for (i, word) in words.iter().enumerate() {
                        let top = 8 - width * (i as u32 + 1);
                        add(word, [a, b, c, d].map(|&byte| i32::from((byte << top) as i8) >> 4));
                    }
                }
            }
            WeightBits::W2 => {
                for (words, (((a, b), c), d)) in words.as_chunks::<4>().0.iter().zip(bytes) {
                    for (i, word) in words.iter().enumerate() {
                        let top = 8 - width * (i as u32 + 1);
                        add(word, [a, b, c, d].map(|&byte| i32::from((byte << top) as i8) >> 6));
                    }
                }
            }
        }
        sums
    }

    /// See [`super::dense`].
    pub(in super::super) fn dense(input: &[Cell<u8>], weights: &[u8], stride: usize) -> [i32; ROWS] {
        let [a, b, c, d] = rows(weights, stride, input.len());
        let mut sums = [0i32; ROWS];
        for (x, (((a, b), c), d)) in input.iter().zip(a.iter().zip(b).zip(c).zip(d)) {
            let x = i32::from(x.get() as i8);
            for (sum, &weight) in sums.iter_mut().zip([a, b, c, d]) {
                *sum = sum.wrapping_add(x * i32::from(weight as i8));
            }
        }
        sums
    }
}
