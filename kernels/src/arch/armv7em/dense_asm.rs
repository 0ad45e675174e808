//! Products of one column by instructions: four channels of a dense layer stay in registers.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;
use core::ptr::null;

use super::product::{Output, Product};
use crate::WeightBits;
use crate::layout::dsp::DENSE_CHANNELS;

/// What [`Product`] says, as the instructions find it on their stack.
#[repr(C)]
struct Task {
    /// Null asks for accumulators.
    multipliers: *const i32,
    out: *const Cell<u8>,
    weights_end: *const u32,
    shift: u32,
    columns: *const Cell<u32>,
    sum: i32,
    columns_end: *const Cell<u32>,
    /// Bytes of instructions from where the loop is entered to its end.
    entry: usize,
    weights: *const u32,
}

/// All four channels meet one word of the column.
macro_rules! four {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "smlad r8, ",
            $x,
            ", ",
            $a,
            ", r8\n smlad r9, ",
            $x,
            ", ",
            $b,
            ", r9\n",
            "smlad r10, ",
            $x,
            ", ",
            $c,
            ", r10\n smlad r11, ",
            $x,
            ", ",
            $d,
            ", r11\n",
        )
    };
}
/// Four channels' words as they are, then their low bytes.
macro_rules! quad_8 {
    ($odd:literal, $even:literal) => {
        concat!(
            "ldmia.w r1!, {{r6, r7, r12, lr}}\n",
            four!($odd, "r6", "r7", "r12", "lr"),
            "uxtb16 r6, r6\n uxtb16 r7, r7\n uxtb16 r12, r12\n uxtb16 lr, lr\n",
            four!($even, "r6", "r7", "r12", "lr"),
        )
    };
}
/// Two words of each channel: 27 instructions of four bytes.
macro_rules! words_8 {
    () => {
        concat!("ldmia.w r0!, {{r2-r5}}\n", quad_8!("r2", "r3"), quad_8!("r4", "r5"))
    };
}
/// All four channels meet one word of the column with what an instruction makes of theirs.
macro_rules! made {
    ($x:literal, $op:literal, $rest:literal) => {
        concat!(
            $op,
            " r12, r4",
            $rest,
            "\n smlad r8, ",
            $x,
            ", r12, r8\n",
            $op,
            " r12, r5",
            $rest,
            "\n smlad r9, ",
            $x,
            ", r12, r9\n",
            $op,
            " r12, r6",
            $rest,
            "\n smlad r10, ",
            $x,
            ", r12, r10\n",
            $op,
            " r12, r7",
            $rest,
            "\n smlad r11, ",
            $x,
            ", r12, r11\n",
        )
    };
}
macro_rules! pair {
    () => {
        "ldmia.w r0!, {{r2, r3}}\n"
    };
}
macro_rules! other_bytes {
    () => {
        "sxtb16 r4, r4, ror #8\n sxtb16 r5, r5, ror #8\n sxtb16 r6, r6, ror #8\n sxtb16 r7, r7, ror #8\n"
    };
}
/// One word of each channel: 35 instructions.
macro_rules! words_4 {
    () => {
        concat!(
            pair!(),
            "ldmia.w r1!, {{r4-r7}}\n",
            made!("r2", "and", ", #0x000f000f"),
            made!("r3", "sxtb16", ""),
            other_bytes!(),
            pair!(),
            made!("r2", "and", ", #0x000f000f"),
            four!("r3", "r4", "r5", "r6", "r7"),
        )
    };
}
/// One word of each channel: 69 instructions.
macro_rules! words_2 {
    () => {
        concat!(
            pair!(),
            "ldmia.w r1!, {{r4-r7}}\n",
            made!("r2", "and", ", #0x00030003"),
            made!("r3", "and", ", #0x000f000f"),
            pair!(),
            made!("r2", "and", ", #0x003f003f"),
            made!("r3", "sxtb16", ""),
            other_bytes!(),
            pair!(),
            made!("r2", "and", ", #0x00030003"),
            made!("r3", "and", ", #0x000f000f"),
            pair!(),
            made!("r2", "and", ", #0x003f003f"),
            four!("r3", "r4", "r5", "r6", "r7"),
        )
    };
}

/// One dense kernel: the task is copied to the stack, and the places of results move on there.
macro_rules! dense {
    ($name:ident, [$($words:ident),*]) => {
        /// # Safety
        /// The task's pointers must be valid for its blocks and column, `entry` must be the end of a word.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r4-r11, lr}}",
                "sub sp, #32",
                "ldmia r0, {{r2-r10}}",
                "stm sp, {{r2-r9}}",
                "mov r1, r10",
                "adr r2, 4f",
                "sub r2, r9",
                "orr r2, #1",
                "str r2, [sp, #28]",
                "2:",
                "ldmia r1!, {{r8-r11}}",
                "ldrd r0, r2, [sp, #16]",
                "add r8, r2",
                "add r9, r2",
                "add r10, r2",
                "add r11, r2",
                "ldr pc, [sp, #28]",
                "3:",
                $($words!(),)*
                "4:",
                "ldr r2, [sp, #24]",
                "cmp r0, r2",
                "bne 3b",
                "ldmia.w sp, {{r0, r2, r3, r12}}",
                "cbz r0, 5f",
                "ldmia r0!, {{r4-r7}}",
                "smmul r8, r8, r4",
                "smmul r9, r9, r5",
                "smmul r10, r10, r6",
                "smmul r11, r11, r7",
                "asr r8, r8, r12",
                "asr r9, r9, r12",
                "asr r10, r10, r12",
                "asr r11, r11, r12",
                "ssat r8, #8, r8",
                "ssat r9, #8, r9",
                "ssat r10, #8, r10",
                "ssat r11, #8, r11",
                "strb r8, [r2], #1",
                "strb r9, [r2], #1",
                "strb r10, [r2], #1",
                "strb r11, [r2], #1",
                "str r0, [sp]",
                "str r2, [sp, #4]",
                "cmp r1, r3",
                "bne 2b",
                "b 6f",
                "5:",
                "stmia r2!, {{r8-r11}}",
                "str r2, [sp, #4]",
                "cmp r1, r3",
                "bne 2b",
                "6:",
                "add sp, #32",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

dense!(dense_8, [words_8, words_8, words_8, words_8, words_8, words_8, words_8, words_8]);
dense!(dense_4, [words_4, words_4]);
dense!(dense_2, [words_2]);

/// Bytes of instructions for what the loop repeats; base-2 logarithms of the words in it and of its repetitions.
const fn unrolled(bits: WeightBits) -> (usize, u32, u32) {
    match bits.linked() {
        WeightBits::W8 => (27 * 4, 1, 3),
        WeightBits::W4 => (35 * 4, 0, 1),
        WeightBits::W2 => (69 * 4, 0, 0),
    }
}

/// The blocks of a dense layer; the caller has compared all sizes. 8-bit rows have an even number of words.
#[inline(always)]
pub(super) fn dense(product: &Product<1>, sum: i32, out: &Output) {
    let (bytes, log2_words, log2_repeats) = unrolled(product.bits);
    let rest = (product.row_words >> log2_words) & ((1 << log2_repeats) - 1);
    let entry = bytes * if rest == 0 { 1 << log2_repeats } else { rest };
    let weights = product.weights.as_ptr();
    let mut task = Task {
        multipliers: null(),
        out: null(),
        weights_end: weights.wrapping_add(product.blocks * DENSE_CHANNELS * (product.row_words + 1)),
        shift: 0,
        columns: product.columns.as_ptr(),
        sum,
        columns_end: product.columns.as_ptr().wrapping_add(product.column_words()),
        entry,
        weights,
    };
    match out {
        Output::Accumulators(out) => task.out = out.as_ptr().cast(),
        Output::Bytes(bytes) => {
            task.multipliers = bytes.multipliers.as_ptr();
            task.out = bytes.out.as_ptr();
            task.shift = bytes.shift;
        }
        Output::Sum(..) => return,
    }
    // SAFETY: `Product::room` has compared column, weights, multipliers and output with the blocks. The loop is entered
    // a whole number of its repetitions before its end. All bytes written are cells.
    unsafe {
        match product.bits.linked() {
            WeightBits::W8 => dense_8(&task),
            WeightBits::W4 => dense_4(&task),
            WeightBits::W2 => dense_2(&task),
        }
    }
}
