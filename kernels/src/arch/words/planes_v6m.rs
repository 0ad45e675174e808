//! Rows of words on Armv6-M: a word is an input, so that one instruction loads several; two results of a row share
//! their loads, and their sums are in high registers.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::planes::{ALL_TAPS, Inputs, Outputs};
use super::v6m::{give_back, high_word, save};

/// The word of an input; the one `stride` columns behind is no part of it.
pub(super) fn word(a: i32, _: i32) -> u32 {
    a as u32
}

/// What [`rows`] works on, as the instructions find it.
#[repr(C)]
struct Fill {
    x: *const Cell<u8>,
    step: usize,
    words: *const Cell<u32>,
    rows: usize,
    columns: usize,
    /// From a row's end to the next row: bytes.
    x_skip: usize,
    words_skip: usize,
}

/// # Safety
/// Columns of all rows must be readable, and as many words writable.
#[unsafe(naked)]
unsafe extern "C" fn rows(task: *const Fill) {
    naked_asm!(
        save!(),
        "ldm r0!, {{r1-r5}}",
        "ldm r0!, {{r6, r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "mov r0, r1",
        "mov r1, r2",
        "mov r2, r3",
        "movs r6, #0",
        "lsls r4, r1, #1",
        "2:",
        "mov r5, r9",
        "subs r5, #2",
        "blt 4f",
        "3:",
        "ldrsb r3, [r0, r6]",
        "ldrsb r7, [r0, r1]",
        "adds r0, r0, r4",
        "stm r2!, {{r3, r7}}",
        "subs r5, #2",
        "bge 3b",
        "4:",
        "adds r5, #1",
        "bmi 5f",
        "ldrsb r3, [r0, r6]",
        "adds r0, r0, r1",
        "stm r2!, {{r3}}",
        "5:",
        "add r0, r10",
        "add r2, r11",
        "mov r3, r8",
        "subs r3, #1",
        "mov r8, r3",
        "bne 2b",
        give_back!(),
    )
}

/// See [`Inputs`], which has compared the slices.
pub(super) fn fill(inputs: &Inputs) {
    let Inputs { stride, x, step, row_step, words, pitch, rows: count, columns, .. } = *inputs;
    let task = Fill {
        x: x.as_ptr(),
        step,
        words: words.as_ptr().wrapping_add(stride),
        rows: count,
        columns,
        x_skip: row_step.wrapping_sub(columns * step),
        words_skip: (pitch - columns) << 2,
    };
    // SAFETY: the last row's columns lie in `x`, and its words, behind `stride` others, in `words`; cells may be
    // written.
    unsafe { rows(&task) }
}

/// What [`results_1`] and [`results_2`] work on, as the instructions find it.
#[repr(C)]
struct Task {
    words: *const Cell<u32>,
    /// From the words behind a pair's last ones to the next pair's first ones: bytes.
    back: usize,
    bias: i32,
    multiplier_low: i32,
    multiplier_high: i32,
    shift: u32,
    out: *const Cell<u8>,
    step: usize,
    /// End of a row's whole pairs of results.
    end: *const Cell<u8>,
    /// Their bytes.
    pairs: usize,
    odd: usize,
    rows: usize,
    /// To the words of the next row of results: bytes.
    down: usize,
    /// From the end of a row's words to the next row: bytes.
    row: usize,
    taps: *const [i32; ALL_TAPS],
}

/// Two results meet three words each of a row at stride 1; `$taps` points at the row's taps.
macro_rules! row_1 {
    ($taps:literal) => {
        concat!(
            "mov r4, ",
            $taps,
            "\n",
            "ldm r4, {{r4-r6}}\n ldm r7!, {{r0-r3}}\n",
            "muls r0, r4, r0\n add r8, r0\n",
            "mov r0, r1\n muls r0, r5, r0\n add r8, r0\n",
            "muls r1, r4, r1\n add r9, r1\n",
            "mov r0, r2\n muls r0, r6, r0\n add r8, r0\n",
            "muls r2, r5, r2\n add r9, r2\n",
            "muls r3, r6, r3\n add r9, r3\n",
        )
    };
}

/// The same at stride 2.
macro_rules! row_2 {
    ($taps:literal) => {
        concat!(
            "mov r4, ",
            $taps,
            "\n",
            "ldm r4, {{r4-r6}}\n ldm r7!, {{r0-r2}}\n",
            "muls r0, r4, r0\n add r8, r0\n",
            "muls r1, r5, r1\n add r8, r1\n",
            "mov r3, r2\n muls r3, r6, r3\n add r8, r3\n",
            "muls r2, r4, r2\n add r9, r2\n",
            "ldm r7!, {{r0, r1}}\n",
            "muls r0, r5, r0\n add r9, r0\n",
            "muls r1, r6, r1\n add r9, r1\n",
        )
    };
}

/// The accumulators of a pair in `r8` and `r9`.
macro_rules! sums {
    ($row:ident) => {
        concat!(
            "ldr r0, [sp, #8]\n mov r8, r0\n mov r9, r0\n",
            $row!("r11"),
            "add r7, r10\n",
            $row!("r12"),
            "add r7, r10\n",
            $row!("lr"),
            "ldr r0, [sp, #4]\n subs r7, r7, r0\n",
        )
    };
}

/// The result of an accumulator.
macro_rules! result {
    ($acc:literal) => {
        concat!(
            "mov r0, ",
            $acc,
            "\n ldr r1, [sp, #12]\n ldr r2, [sp, #16]\n",
            high_word!("[sp, #20]"),
            "strb r0, [r5]\n adds r5, r5, r6\n",
        )
    };
}

macro_rules! results {
    ($name:ident, $row:ident) => {
        /// # Safety
        /// The words of all rows must be readable, and the results writable.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                save!(),
                "sub sp, #60",
                "mov r1, sp",
                "ldm r0!, {{r2-r6}}",
                "stm r1!, {{r2-r6}}",
                "ldm r0!, {{r2-r6}}",
                "stm r1!, {{r2-r6}}",
                "ldm r0!, {{r2-r6}}",
                "stm r1!, {{r2-r6}}",
                "mov r10, r5",
                "mov r11, r6",
                "adds r6, #12",
                "mov r12, r6",
                "adds r6, #12",
                "mov lr, r6",
                "2:",
                "ldr r7, [sp]",
                "ldr r0, [sp, #24]",
                "ldr r1, [sp, #36]",
                "adds r1, r0, r1",
                "str r1, [sp, #32]",
                "cmp r0, r1",
                "bne 3f",
                "b 4f",
                "3:",
                sums!($row),
                "ldr r5, [sp, #24]",
                "ldr r6, [sp, #28]",
                result!("r8"),
                result!("r9"),
                "str r5, [sp, #24]",
                "ldr r0, [sp, #32]",
                "cmp r5, r0",
                "beq 4f",
                "b 3b",
                "4:",
                "ldr r0, [sp, #40]",
                "cmp r0, #0",
                "bne 6f",
                "b 5f",
                "6:",
                sums!($row),
                "ldr r5, [sp, #24]",
                "ldr r6, [sp, #28]",
                result!("r8"),
                "str r5, [sp, #24]",
                "5:",
                "ldr r0, [sp]",
                "ldr r1, [sp, #48]",
                "adds r0, r0, r1",
                "str r0, [sp]",
                "ldr r0, [sp, #44]",
                "subs r0, #1",
                "str r0, [sp, #44]",
                "beq 7f",
                "b 2b",
                "7:",
                "add sp, #60",
                give_back!(),
            )
        }
    };
}

results!(results_1, row_1);
results!(results_2, row_2);

/// See [`Outputs`], which has compared the slices.
pub(super) fn outputs(outputs: &Outputs) {
    let Outputs { stride, pitch, step, columns, .. } = *outputs;
    // Words of a row that a pair loads.
    let loads = 3 + stride;
    let task = Task {
        words: outputs.words.as_ptr().wrapping_add(stride),
        back: 8 * pitch + 4 * loads - 8 * stride,
        bias: outputs.bias,
        multiplier_low: outputs.multiplier & 0xffff,
        multiplier_high: outputs.multiplier >> 16,
        shift: outputs.shift.into(),
        out: outputs.out.as_ptr(),
        step,
        end: outputs.out.as_ptr(),
        pairs: (columns >> 1) * 2 * step,
        odd: columns & 1,
        rows: outputs.rows,
        down: 4 * stride * pitch,
        row: 4 * (pitch - loads),
        taps: outputs.taps,
    };
    // SAFETY: three rows of words of the last row of results lie in `words`, and the words that its last pair loads in
    // each of them; the last result lies in `out`, and cells may be written.
    unsafe { if stride == 1 { results_1(&task) } else { results_2(&task) } }
}
