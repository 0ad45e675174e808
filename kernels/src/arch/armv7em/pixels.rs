//! Results of a depthwise 3x3 convolution over widened pixels: of four channels the first and third together, then
//! the others.

use core::cell::Cell;

use super::GROUP;
use super::pairs::{LANES, Pairs};
use crate::linked;

/// How results lie in rows, in bytes of pixels and of results: blocks of three and two neighbours make up a line.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Lines {
    /// Pixels of all lines.
    all: usize,
    /// From a result to its right neighbour.
    step: usize,
    /// From the first channel's result to the second one's.
    second: usize,
    /// From the last result of a block to the next one.
    pixel: usize,
    /// From the last kernel row of a block of three to the first of the next.
    ahead_of_three: usize,
    /// Pixels of a line's blocks of three, and of all its blocks.
    threes: usize,
    line: usize,
    ahead_of_two: usize,
    /// From a line's pixels to those of the next, and from their end.
    down: usize,
    back: usize,
    /// From the pixels of two channels to those of the others; 0 where only two are wanted.
    half: usize,
    /// Of the convolution: 1 or 2.
    pub(super) stride: usize,
    /// Between two rows of pixels.
    pub(super) pitch: usize,
}

impl Lines {
    /// Bytes of two channels that a row of so many results needs, by a square kernel. A single one is made with another beside it.
    #[inline(always)]
    pub(super) fn half(columns: usize, stride: usize, taps: usize) -> usize {
        4 * (columns.max(2) * stride + taps - 1)
    }

    #[inline(always)]
    pub(super) fn new(columns: usize, half: usize, stride: usize, pixel: usize) -> Self {
        let results = columns.max(2);
        // A third, rounded up: of 16 bits.
        let blocks = ((results + 2) * 0xaaab) >> 17;
        let threes = 3 * (blocks + results - 3 * blocks);
        let (right, down) = (4 * stride, 2 * half * stride);
        // Results below each other are a line where there is nothing beside them.
        let [three, two] = if blocks > 1 { [3 * right, 2 * right] } else { [down; 2] };
        Self {
            all: 0,
            // The second of a single result lies below it.
            step: if columns > 1 { pixel } else { 0 },
            second: LANES,
            pixel,
            ahead_of_three: three.wrapping_sub(4 * half),
            threes: threes * right,
            line: results * right,
            ahead_of_two: two.wrapping_sub(4 * half),
            down,
            back: if blocks > 1 { down - results * right } else { 0 },
            half,
            stride,
            pitch: 2 * half,
        }
    }

    /// For so many rows.
    #[inline(always)]
    pub(super) fn set(&mut self, rows: usize) {
        self.all = rows * self.down;
        if self.back == 0 {
            self.threes = if self.threes > 0 { self.all } else { 0 };
            self.line = self.all;
        }
    }

    /// Writes results from byte `at` on, requantised at shift 32 to bytes.
    #[inline(always)]
    pub(super) fn run(
        &self,
        words: &[Cell<u32>],
        pairs: &Pairs,
        out: &[Cell<u8>],
        at: usize,
        channels: usize,
    ) {
        if !linked::WIDE || channels >= GROUP {
            imp::run(self, words, pairs, out, at);
            return;
        }
        // What is not there is written first, below what is.
        let second = if channels > 2 { LANES } else { 0 };
        imp::run(&Self { second, half: 0, ..*self }, words, pairs, out, at);
        if let [_, last] = pairs
            && channels > 1
        {
            let words = words.get(self.half / 4..).unwrap_or(&[]);
            imp::run(&Self { second: 0, half: 0, ..*self }, words, &[*last; 2], out, at + 1);
        }
    }
}

#[cfg(dsp)]
use super::pixels_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use super::{LANES, Lines, Pairs};
    use crate::arch::armv7em::pairs::Pair;
    use crate::arch::armv7em::simd::{smlabb, smlatt, smmul, ssat8};

    pub(super) fn run(lines: &Lines, words: &[Cell<u32>], pairs: &Pairs, out: &[Cell<u8>], at: usize) {
        let count = if lines.half > 0 { LANES } else { 1 };
        for (c, pair) in pairs.iter().enumerate().take(count) {
            let (mut at, mut start) = (at + c, 0);
            while start < lines.all {
                let mut x = start;
                while x < start + lines.line {
                    let (results, ahead) = if x < start + lines.threes {
                        (3, lines.ahead_of_three)
                    } else {
                        (2, lines.ahead_of_two)
                    };
                    for result in (0..results).rev() {
                        let at = at + result * lines.step;
                        let from = (x + c * lines.half) / 4 + result * lines.stride;
                        let sums = sums(words, from, pair);
                        let [a, b] = [0, 1].map(|lane| smmul(sums[lane], pair.multipliers[lane] as i32));
                        for (at, value) in [(at + lines.second, b), (at, a)] {
                            if let Some(cell) = out.get(at) {
                                cell.set(ssat8(value) as u8);
                            }
                        }
                    }
                    x = (x + 2 * lines.pitch).wrapping_add(ahead);
                    at += (results - 1) * lines.step + lines.pixel;
                }
                start = x + lines.back;
            }
        }
    }

    /// Accumulators of both channels from word `at` on.
    fn sums(words: &[Cell<u32>], mut at: usize, pair: &Pair) -> [i32; LANES] {
        let mut sums = [pair.first_bias as i32, pair.rows[0][0] as i32];
        for (ky, row) in pair.rows.iter().enumerate() {
            at += if ky > 0 { row[0] as usize / 4 } else { 0 };
            for (kx, &weights) in row.iter().skip(1).enumerate() {
                let pixel = words.get(at + kx).map_or(0, |word| word.get());
                sums = [smlabb(pixel, weights, sums[0]), smlatt(pixel, weights, sums[1])];
            }
        }
        sums
    }
}
