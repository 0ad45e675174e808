//! Results of a depthwise 5x5 convolution over widened pixels: two channels of one result at a time.

use core::cell::Cell;

use super::GROUP;
use super::pairs::{Constants, LANES};
use super::simd::{sxtb16, sxtb16_ror8};
use crate::linked;

/// Rows and columns of the kernel.
pub(super) const FIVE: usize = 5;

/// Constants of two channels in the order in which the instructions read them.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Pair {
    bias: [u32; LANES],
    weights: [[u32; FIVE]; FIVE],
    multipliers: [u32; LANES],
}

// The instructions' offsets.
const _: () = assert!(size_of::<Pair>() == 116);

/// Weights of four channels as bytes.
pub(super) type Weights = [[u8; GROUP]; FIVE * FIVE];

/// Rows of results of four channels.
pub(super) struct Five {
    pairs: [Pair; GROUP / LANES],
    /// Bytes between two rows of pixels, and from the pixels of two channels to those of the others.
    pitch: usize,
    half: usize,
    /// Of the convolution: 1 or 2.
    stride: usize,
    /// Results of a row, and bytes from one to the next.
    columns: usize,
    step: usize,
}

impl Five {
    /// Without constants.
    pub(super) fn new(columns: usize, half: usize, stride: usize, step: usize) -> Self {
        Self { pairs: Default::default(), pitch: 2 * half, half, stride, columns, step }
    }

    /// Constants of four channels from `first` on, their weights apart; those that are not there do not matter.
    #[inline(never)]
    pub(super) fn set(&mut self, constants: &Constants, first: usize, weights: &Weights) {
        let of = |values: &[i32], c: usize| values.get(first + c).map_or(0, |&value| value as u32);
        // Products fit their lanes; what the lower one moves beyond it is its sign.
        let lanes = !(((1 << constants.scale) - 1) << 16);
        for (c, pair) in self.pairs.iter_mut().enumerate() {
            pair.bias = [0, LANES].map(|lane| of(constants.bias, c + lane) << constants.scale);
            pair.multipliers = [0, LANES].map(|lane| of(constants.multipliers, c + lane));
            for (word, bytes) in pair.weights.as_flattened_mut().iter_mut().zip(weights) {
                let bytes = u32::from_le_bytes(*bytes);
                let both = if c == 0 { sxtb16(bytes) } else { sxtb16_ror8(bytes) };
                *word = (both << constants.scale) & lanes;
            }
        }
    }

    /// Writes rows of results from byte `at` on, requantised at shift 32 to bytes, of `channels`.
    #[inline(never)]
    pub(super) fn run(
        &self,
        words: &[Cell<u32>],
        out: &[Cell<u8>],
        mut at: usize,
        rows: usize,
        channels: usize,
    ) {
        let right = 4 * self.stride;
        let pixels = self.half + (FIVE - 1) * self.pitch;
        for row in 0..rows {
            let words = words.get(row * self.stride * self.pitch / 4..).unwrap_or(&[]);
            for (c, pair) in self.pairs.iter().enumerate().take(channels) {
                // What is not there is written first, below what is.
                let second = if c + LANES < channels || !linked::WIDE { LANES } else { 0 };
                let row = Row {
                    out: at + c,
                    step: self.step,
                    second,
                    pitch: self.pitch,
                    right,
                    columns: self.columns,
                };
                let words = words.get(c * self.half / 4..).unwrap_or(&[]);
                let end = row.out + (self.columns - 1) * self.step + second;
                // Pixels of the last result in a row, and of the last kernel row.
                if self.columns * right + 4 * (FIVE - right / 4) <= self.half
                    && pixels <= 4 * words.len()
                    && end < out.len()
                {
                    imp::row(&row, words, pair, out);
                }
            }
            at += self.columns * self.step;
        }
    }
}

/// A row of results of two channels, in bytes.
struct Row {
    /// The first one.
    out: usize,
    /// From a result to its right neighbour, and to the second channel's.
    step: usize,
    second: usize,
    /// Between two rows of pixels.
    pitch: usize,
    /// From the pixels of a result to those of its right neighbour.
    right: usize,
    /// Results.
    columns: usize,
}

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use super::{Pair, Row};
    use crate::arch::armv7em::simd::{smlabb, smlatt, smmul, ssat8};

    pub(super) fn row(row: &Row, words: &[Cell<u32>], pair: &Pair, out: &[Cell<u8>]) {
        for column in 0..row.columns {
            let mut sums = pair.bias.map(|bias| bias as i32);
            for (ky, weights) in pair.weights.iter().enumerate() {
                let from = (ky * row.pitch + column * row.right) / 4;
                for (weights, pixel) in weights.iter().zip(words.iter().skip(from)) {
                    sums = [smlabb(pixel.get(), *weights, sums[0]), smlatt(pixel.get(), *weights, sums[1])];
                }
            }
            let at = row.out + column * row.step;
            for (lane, at) in [(1, at + row.second), (0, at)] {
                if let Some(cell) = out.get(at) {
                    cell.set(ssat8(smmul(sums[lane], pair.multipliers[lane] as i32)) as u8);
                }
            }
        }
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;
    use core::cell::Cell;

    use super::{FIVE, Pair, Row};

    /// What [`Row`] says, as the instructions find it.
    #[repr(C)]
    struct Task {
        out: *const Cell<u8>,
        step: usize,
        second: usize,
        pitch: usize,
        /// From the last kernel row of a result to the first of the next.
        ahead: usize,
        x: *const Cell<u32>,
        pair: *const Pair,
        /// Behind the first kernel row of the last result.
        end: *const Cell<u32>,
    }

    /// A pixel times a tap for both channels.
    macro_rules! tap {
        ($x:literal, $w:literal) => {
            concat!("smlabb r1, ", $x, ", ", $w, ", r1\n smlatt r2, ", $x, ", ", $w, ", r2\n")
        };
    }
    macro_rules! kernel_row {
        () => {
            concat!(
                "ldm r12!, {{r3-r7}}\n ldm r0, {{r8-r11, lr}}\n",
                tap!("r8", "r3"),
                tap!("r9", "r4"),
                tap!("r10", "r5"),
                tap!("r11", "r6"),
                tap!("lr", "r7"),
            )
        };
    }
    macro_rules! down {
        () => {
            "ldr r3, [sp, #12]\n add r0, r3\n"
        };
    }

    /// # Safety
    /// Pixels and results must be as large as the row says.
    #[unsafe(naked)]
    unsafe extern "C" fn results(task: *const Task) {
        naked_asm!(
            core_with_dsp!(),
            "push {{r4-r11, lr}}",
            "sub sp, #28",
            "ldm r0, {{r1-r7, r12}}",
            "stm sp, {{r1-r5}}",
            "str r12, [sp, #20]",
            "mov r0, r6",
            "mov r12, r7",
            "1:",
            "ldm r12!, {{r1, r2}}",
            kernel_row!(),
            down!(),
            kernel_row!(),
            down!(),
            kernel_row!(),
            down!(),
            kernel_row!(),
            down!(),
            kernel_row!(),
            "ldm r12, {{r3, r4}}",
            "ldm sp, {{r5-r7}}",
            "sub r12, #108",
            "smmul r1, r1, r3",
            "smmul r2, r2, r4",
            "ssat r1, #8, r1",
            "ssat r2, #8, r2",
            // The second channel first: both may lie in one place.
            "strb r2, [r5, r7]",
            "strb r1, [r5]",
            "add r5, r6",
            "str r5, [sp]",
            "ldrd r3, r4, [sp, #16]",
            "add r0, r3",
            "cmp r0, r4",
            "bne 1b",
            "add sp, #28",
            "pop {{r4-r11, pc}}",
        )
    }

    /// All results; the caller has compared the row with pixels and output.
    #[inline(always)]
    pub(super) fn row(row: &Row, words: &[Cell<u32>], pair: &Pair, out: &[Cell<u8>]) {
        let x = words.as_ptr();
        let task = Task {
            out: out.as_ptr().wrapping_add(row.out),
            step: row.step,
            second: row.second,
            pitch: row.pitch,
            ahead: row.right.wrapping_sub((FIVE - 1) * row.pitch),
            x,
            pair,
            end: x.wrapping_byte_add(row.columns * row.right),
        };
        // SAFETY: the caller has compared the last pixel and the last result with what there is. Both are cells.
        unsafe { results(&task) }
    }
}
