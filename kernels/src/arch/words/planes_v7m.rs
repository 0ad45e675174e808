//! Rows of words on Armv7-M: the word `b * 2^23 + a` of an input `a` and of the input `b` that the next result of a row
//! meets in its place. A long multiplication adds the products of both, as in [`super::product_v7m`]: nine products of
//! bytes stay below 2^22.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::planes::{ALL_TAPS, Inputs, Outputs};

/// The word of two inputs.
pub(super) fn word(a: i32, b: i32) -> u32 {
    ((b << 23) + a) as u32
}

/// What [`fill_1`] and [`fill_2`] work on, as the instructions find it.
#[repr(C)]
struct Fill {
    x: *const Cell<u8>,
    step: usize,
    words: *const Cell<u32>,
    rows: usize,
    columns: usize,
    zero: i32,
    /// From a row's end to the next row: bytes.
    x_skip: usize,
    words_skip: usize,
}

macro_rules! fill {
    ($name:ident, $begin:literal, $pair:literal, $single:literal, $end:literal) => {
        /// # Safety
        /// Columns of all rows must be readable, and words as many, and `stride` more of each row, writable.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Fill) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "ldm r0, {{r0-r7}}",
                "2:",
                $begin,
                "subs r9, r4, #2",
                "blt 4f",
                "3:",
                "ldrsb r10, [r0]",
                "ldrsb r11, [r0, r1]",
                "add r0, r0, r1, lsl #1",
                $pair,
                "subs r9, #2",
                "bge 3b",
                "4:",
                "adds r9, #1",
                "bmi 5f",
                "ldrsb r10, [r0]",
                "add r0, r1",
                "add r8, r8, r10, lsl #23",
                "str r8, [r2], #4",
                $single,
                "5:",
                $end,
                "add r0, r6",
                "add r2, r7",
                "subs r3, #1",
                "bne 2b",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

fill!(
    fill_1,
    "mov r8, r5",
    "add r8, r8, r10, lsl #23\n add r10, r10, r11, lsl #23\n strd r8, r10, [r2], #8\n mov r8, r11",
    "mov r8, r10",
    "add r8, r8, r5, lsl #23\n str r8, [r2], #4"
);
fill!(
    fill_2,
    "mov r8, r5\n mov r12, r5",
    "add r8, r8, r10, lsl #23\n add r12, r12, r11, lsl #23\n strd r8, r12, [r2], #8\n mov r8, r10\n mov r12, r11",
    "mov r8, r12\n mov r12, r10",
    "add r8, r8, r5, lsl #23\n add r12, r12, r5, lsl #23\n strd r8, r12, [r2], #8"
);

/// See [`Inputs`], which has compared the slices.
pub(super) fn fill(inputs: &Inputs) {
    let Inputs { stride, x, step, row_step, words, pitch, rows, columns, zero } = *inputs;
    let task = Fill {
        x: x.as_ptr(),
        step,
        words: words.as_ptr(),
        rows,
        columns,
        zero,
        x_skip: row_step.wrapping_sub(columns * step),
        words_skip: (pitch - columns - stride) << 2,
    };
    // SAFETY: the last row's columns lie in `x`, and its words and `stride` more in `words`; cells may be written.
    unsafe { if stride == 1 { fill_1(&task) } else { fill_2(&task) } }
}

/// What [`results`] works on, as the instructions find it.
#[repr(C)]
struct Task {
    taps: [i32; ALL_TAPS],
    /// From the words behind a pair's last ones to the next pair's first ones: bytes.
    back: usize,
    bias: i32,
    multiplier: i32,
    shift: u32,
    words: *const Cell<u32>,
    /// From the end of a row's words to the next row: bytes.
    row: usize,
    out: *const Cell<u8>,
    step: usize,
    /// Bytes of a row's whole pairs of results.
    pairs: usize,
    odd: usize,
    rows: usize,
    /// To the words of the next row of results: bytes.
    down: usize,
}

/// The products of a pair in `r10` and `r11`; the constants of the channel.
macro_rules! sums {
    () => {
        concat!(
            "ldm r0!, {{r3-r5}}\n ldm r1!, {{r6-r8}}\n",
            "smull r10, r11, r3, r6\n smlal r10, r11, r4, r7\n smlal r10, r11, r5, r8\n add r0, r2\n",
            "ldm r0!, {{r3-r5}}\n ldm r1!, {{r6-r8}}\n",
            "smlal r10, r11, r3, r6\n smlal r10, r11, r4, r7\n smlal r10, r11, r5, r8\n add r0, r2\n",
            "ldm r0!, {{r3-r5}}\n ldm r1!, {{r6-r8}}\n",
            "smlal r10, r11, r3, r6\n smlal r10, r11, r4, r7\n smlal r10, r11, r5, r8\n",
            "ldm r1, {{r5-r8}}\n sub r1, #36\n sub r0, r5\n",
            "sbfx r3, r10, #0, #23\n",
        )
    };
}

/// # Safety
/// The words of all rows must be readable, and the results writable.
#[unsafe(naked)]
unsafe extern "C" fn results(task: *mut Task) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "mov r1, r0",
        "ldr r2, [r1, #56]",
        "ldr r12, [r1, #60]",
        "ldr lr, [r1, #64]",
        "2:",
        "ldr r0, [r1, #52]",
        "ldr r9, [r1, #68]",
        "adds r9, r12",
        "cmp r12, r9",
        "beq 4f",
        "3:",
        sums!(),
        "subs r10, r3",
        "sbc r11, r11, r3, asr #31",
        "lsr r10, r10, #23",
        "orr r10, r10, r11, lsl #9",
        "add r3, r6",
        "add r10, r6",
        "smull r4, r3, r3, r7",
        "smull r4, r10, r10, r7",
        "asr r3, r3, r8",
        "asr r10, r10, r8",
        "ssat r3, #8, r3",
        "ssat r10, #8, r10",
        "strb r3, [r12]",
        "strb r10, [r12, lr]",
        "add r12, r12, lr, lsl #1",
        "cmp r12, r9",
        "bne 3b",
        "4:",
        "ldr r3, [r1, #72]",
        "cmp r3, #0",
        "beq 5f",
        sums!(),
        "add r3, r6",
        "smull r4, r3, r3, r7",
        "asr r3, r3, r8",
        "ssat r3, #8, r3",
        "strb r3, [r12]",
        "add r12, lr",
        "5:",
        "ldr r3, [r1, #52]",
        "ldr r4, [r1, #80]",
        "add r3, r4",
        "str r3, [r1, #52]",
        "ldr r3, [r1, #76]",
        "subs r3, #1",
        "str r3, [r1, #76]",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}

/// See [`Outputs`], which has compared the slices.
pub(super) fn outputs(outputs: &Outputs) {
    let Outputs { stride, pitch, step, columns, .. } = *outputs;
    let mut task = Task {
        taps: *outputs.taps,
        back: 8 * pitch + 12 - 8 * stride,
        bias: outputs.bias,
        multiplier: outputs.multiplier,
        shift: outputs.shift.into(),
        words: outputs.words.as_ptr().wrapping_add(stride),
        row: 4 * pitch - 12,
        out: outputs.out.as_ptr(),
        step,
        pairs: (columns >> 1) * 2 * step,
        odd: columns & 1,
        rows: outputs.rows,
        down: 4 * stride * pitch,
    };
    // SAFETY: three rows of words of the last row of results lie in `words`, and the three words of its last pair in
    // each of them; the last result lies in `out`, and cells may be written.
    unsafe { results(&mut task) }
}
