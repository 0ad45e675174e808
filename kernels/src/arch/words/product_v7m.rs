//! Products on Armv7-M. A long multiplication by the word `b * 2^23 + a` adds the products of a weight with two
//! inputs at once: 64 bits hold `sum(w b) * 2^23 + sum(w a)`, and the second sum is their lowest 23 bits with a
//! sign as long as it lies within 2^22 of 0.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::column::PIXELS;
use super::dense_task::Dense;
pub(super) use super::dense_task::{dense, store_dense};
use super::product::{ROWS, Results};
use crate::WeightBits;

/// Weights of a row's chunk: 252 products of two bytes stay below 2^22.
const CHUNK: usize = 252;

/// What a chunk works on, as the instructions find it.
#[repr(C)]
struct Task {
    words: *const Cell<u32>,
    weights: *const u8,
    stride: usize,
    /// End of the words that the unrolled loop takes.
    unrolled: *const Cell<u32>,
    end: *const Cell<u32>,
    result: Place,
}

/// Where the sums of a chunk go.
#[repr(C)]
union Place {
    sums: *mut [i64; ROWS],
    finish: *const Finish,
}

/// How the sums of the last chunk become results.
#[repr(C)]
struct Finish {
    /// What is added to the sums of each pixel.
    addends: [*const [i32; ROWS]; PIXELS],
    multipliers: *const [i32; ROWS],
    /// Of the product's high word.
    shift: u32,
    out: [*const [Cell<u8>; ROWS]; PIXELS],
}

/// One word meets a weight of each row.
macro_rules! word {
    () => {
        concat!(
            "ldr lr, [r0], #4\n",
            "ldrsb r3, [r1, r2]\n smlal r6, r7, r3, lr\n",
            "ldrsb r3, [r1, r2, lsl #1]\n smlal r8, r9, r3, lr\n",
            "ldrsb r3, [r1, r12]\n smlal r10, r11, r3, lr\n",
            "ldrsb r3, [r1], #1\n smlal r4, r5, r3, lr\n",
        )
    };
}

/// Stores the sums as they are.
macro_rules! sums {
    () => {
        "ldr r0, [sp, #8]\n stm r0, {{r4-r11}}\n"
    };
}

/// The sums of a row: those of the first pixel in the second register, of the second pixel in the first one.
macro_rules! split {
    ($low:literal, $high:literal) => {
        concat!(
            "sbfx lr, ",
            $low,
            ", #0, #23\n",
            "subs ",
            $low,
            ", ",
            $low,
            ", lr\n",
            "sbc ",
            $high,
            ", ",
            $high,
            ", lr, asr #31\n",
            "lsr ",
            $low,
            ", ",
            $low,
            ", #23\n",
            "orr ",
            $low,
            ", ",
            $low,
            ", ",
            $high,
            ", lsl #9\n",
            "mov ",
            $high,
            ", lr\n",
        )
    };
}

/// An accumulator becomes a result; `r12` is the shift.
macro_rules! saturate {
    ($($acc:literal)*) => {
        concat!($("asr ", $acc, ", ", $acc, ", r12\n ssat ", $acc, ", #8, ", $acc, "\n",)*)
    };
}

/// Stores results.
macro_rules! finish {
    () => {
        concat!(
            split!("r4", "r5"),
            split!("r6", "r7"),
            split!("r8", "r9"),
            split!("r10", "r11"),
            "ldr lr, [sp, #8]\n",
            "ldr r12, [lr]\n ldm r12, {{r0-r3}}\n add r5, r0\n add r7, r1\n add r9, r2\n add r11, r3\n",
            "ldr r12, [lr, #4]\n ldm r12, {{r0-r3}}\n add r4, r0\n add r6, r1\n add r8, r2\n add r10, r3\n",
            "ldr r12, [lr, #8]\n ldm r12, {{r0-r3}}\n",
            "smull r12, r4, r4, r0\n smull r12, r5, r5, r0\n smull r12, r6, r6, r1\n smull r12, r7, r7, r1\n",
            "smull r12, r8, r8, r2\n smull r12, r9, r9, r2\n smull r12, r10, r10, r3\n smull r12, r11, r11, r3\n",
            "ldr r12, [lr, #12]\n",
            saturate!("r4" "r5" "r6" "r7" "r8" "r9" "r10" "r11"),
            "ldr r12, [lr, #16]\n strb r5, [r12]\n strb r7, [r12, #1]\n strb r9, [r12, #2]\n strb r11, [r12, #3]\n",
            "ldr r12, [lr, #20]\n strb r4, [r12]\n strb r6, [r12, #1]\n strb r8, [r12, #2]\n strb r10, [r12, #3]\n",
        )
    };
}

macro_rules! chunk {
    ($name:ident, $end:ident) => {
        /// # Safety
        /// The task's words and as many weights of four rows must be readable; its result is the kind
        /// that the function stores.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "sub sp, #12",
                "ldm r0, {{r0-r5}}",
                "stm sp, {{r3-r5}}",
                "add r12, r2, r2, lsl #1",
                "movs r4, #0",
                "mov r5, r4",
                "mov r6, r4",
                "mov r7, r4",
                "mov r8, r4",
                "mov r9, r4",
                "mov r10, r4",
                "mov r11, r4",
                "cmp r0, r3",
                "beq 3f",
                "2:",
                word!(),
                word!(),
                word!(),
                word!(),
                "ldr r3, [sp]",
                "cmp r0, r3",
                "bne 2b",
                "3:",
                "ldr r3, [sp, #4]",
                "cmp r0, r3",
                "beq 5f",
                "4:",
                word!(),
                "ldr r3, [sp, #4]",
                "cmp r0, r3",
                "bne 4b",
                "5:",
                $end!(),
                "add sp, #12",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

chunk!(chunk_8, sums);
chunk!(chunk_8_last, finish);

/// The weights of four rows from `first` on.
struct Rows<'a> {
    words: &'a [Cell<u32>],
    weights: &'a [u8],
    stride: usize,
}

impl Rows<'_> {
    fn task(&self, first: usize, count: usize, result: Place) -> Task {
        let start = self.words.as_ptr().wrapping_add(first);
        Task {
            words: start,
            weights: self.weights.as_ptr().wrapping_add(first),
            stride: self.stride,
            unrolled: start.wrapping_add(count & !3),
            end: start.wrapping_add(count),
            result,
        }
    }

    /// Sums of at most [`CHUNK`] weights of each row, which lie in the slices, are added to those in `result`.
    fn add(&self, first: usize, bytes: usize, result: &mut [[i32; ROWS]; PIXELS]) {
        let mut sums = [0i64; ROWS];
        let task = self.task(first, bytes, Place { sums: &mut sums });
        // SAFETY: there are as many `words` as a row has weights, four rows of which lie in `weights`; the loops end where the
        // chunk does, the first one behind whole rounds.
        unsafe { chunk_8(&task) };
        let [a, b] = result;
        for ((a, b), sum) in a.iter_mut().zip(b).zip(sums) {
            let low = (sum as i32) << 9 >> 9;
            *a = a.wrapping_add(low);
            *b = b.wrapping_add((sum.wrapping_sub(i64::from(low)) >> 23) as i32);
        }
    }
}

/// See [`super::product::strip`], which has compared the slices with the rows.
pub(super) fn strip(
    words: &[Cell<u32>],
    weights: &[u8],
    stride: usize,
    _bits: WeightBits,
    row_bytes: usize,
) -> [[i32; ROWS]; PIXELS] {
    let rows = Rows { words, weights, stride };
    let mut result = [[0i32; ROWS]; PIXELS];
    let mut first = 0;
    while first < row_bytes {
        let bytes = CHUNK.min(row_bytes - first);
        rows.add(first, bytes, &mut result);
        first += bytes;
    }
    result
}

/// See [`super::product::store_strip`], which has compared the slices with the rows.
pub(super) fn store_strip(
    words: &[Cell<u32>],
    weights: &[u8],
    row_bytes: usize,
    results: Results,
    [a, b]: [&[[Cell<u8>; ROWS]]; PIXELS],
) {
    let mut rows = Rows { words, weights, stride: row_bytes };
    let constants = results.bias.iter().zip(results.multipliers);
    for ((bias, multipliers), (a, b)) in constants.zip(a.iter().zip(b)) {
        let mut first = 0;
        let mut addends;
        let mut finish =
            Finish { addends: [bias; PIXELS], multipliers, shift: results.shift.into(), out: [a, b] };
        if row_bytes > CHUNK {
            addends = [*bias; PIXELS];
            while row_bytes - first > CHUNK {
                rows.add(first, CHUNK, &mut addends);
                first += CHUNK;
            }
            finish.addends = addends.each_ref().map(|addends| &raw const *addends);
        }
        let task = rows.task(first, row_bytes - first, Place { finish: &finish });
        // SAFETY: as in `Rows::add`; cells may be written.
        unsafe { chunk_8_last(&task) };
        rows.weights = rows.weights.get(ROWS * row_bytes..).unwrap_or(&[]);
    }
}

/// One input meets a weight of each row.
macro_rules! input {
    () => {
        concat!(
            "ldrsb r8, [r0], #1\n",
            "ldrsb r9, [r1, r2]\n mla r5, r9, r8, r5\n",
            "ldrsb r9, [r1, r2, lsl #1]\n mla r6, r9, r8, r6\n",
            "ldrsb r9, [r1, r12]\n mla r7, r9, r8, r7\n",
            "ldrsb r9, [r1], #1\n mla r4, r9, r8, r4\n",
        )
    };
}

/// Stores the sums as they are.
macro_rules! dense_sums {
    () => {
        "ldr r0, [lr, #16]\n stm r0, {{r4-r7}}\n"
    };
}

/// Stores results.
macro_rules! dense_finish {
    () => {
        concat!(
            "ldr r12, [lr, #20]\n ldm r12, {{r0-r3}}\n add r4, r0\n add r5, r1\n add r6, r2\n add r7, r3\n",
            "ldr r12, [lr, #24]\n ldm r12, {{r0-r3}}\n",
            "smull r12, r4, r4, r0\n smull r12, r5, r5, r1\n smull r12, r6, r6, r2\n smull r12, r7, r7, r3\n",
            "ldr r12, [lr, #28]\n",
            saturate!("r4" "r5" "r6" "r7"),
            "ldr r12, [lr, #32]\n strb r4, [r12]\n strb r5, [r12, #1]\n strb r6, [r12, #2]\n strb r7, [r12, #3]\n",
        )
    };
}

macro_rules! dense {
    ($name:ident, $end:ident) => {
        /// # Safety
        /// The task's inputs and as many weights of four rows must be readable, and what the function stores writable.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(task: *const Dense) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "mov lr, r0",
                "ldm r0, {{r0-r3}}",
                "add r12, r2, r2, lsl #1",
                "movs r4, #0",
                "mov r5, r4",
                "mov r6, r4",
                "mov r7, r4",
                "bic r10, r3, #7",
                "add r10, r0",
                "add r11, r0, r3",
                "cmp r0, r10",
                "beq 3f",
                "2:",
                input!(),
                input!(),
                input!(),
                input!(),
                input!(),
                input!(),
                input!(),
                input!(),
                "cmp r0, r10",
                "bne 2b",
                "3:",
                "cmp r0, r11",
                "beq 5f",
                "4:",
                input!(),
                "cmp r0, r11",
                "bne 4b",
                "5:",
                $end!(),
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

dense!(dense_8, dense_sums);
dense!(dense_8_last, dense_finish);
