//! The product of one column by instructions: the accumulators of four channels stay in registers.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;
use core::ptr::null;

use super::dense_product::DenseProduct;
use super::product::Output;
use super::vector::Terms;
use crate::WeightBits;
use crate::layout::dsp::DENSE_CHANNELS;

/// What [`DenseProduct`] says, as the instructions find it on their stack.
#[repr(C)]
struct Task {
    column: *const Cell<u32>,
    /// Bytes of instructions from where the loop is entered to its end.
    entry: usize,
    column_end: *const Cell<u32>,
    terms: Terms,
    /// Null asks for accumulators.
    multipliers: *const i32,
    out: *const Cell<u8>,
    weights_end: *const u32,
    shift: u32,
    weights: *const u32,
}

/// Two channels meet two words of the column with two that they share.
macro_rules! shared {
    ($even:literal, $odd:literal, $a:literal, $b:literal, $low:literal, $both:literal) => {
        concat!(
            "smlad ", $both, ", ", $even, ", ", $a, ", ", $both, "\n", "smlad ", $both, ", ", $odd, ", ", $b,
            ", ", $both, "\n", "uxtab16 ", $a, ", ", $odd, ", ", $a, "\n", "uxtab16 ", $b, ", ", $even, ", ",
            $b, "\n", "smlad ", $low, ", ", $a, ", ", $b, ", ", $low, "\n",
        )
    };
}
macro_rules! quad_8 {
    ($even:literal, $odd:literal) => {
        concat!(
            "ldmia.w r1!, {{r6, r7, r12, lr}}\n",
            shared!($even, $odd, "r6", "r7", "r8", "r9"),
            shared!($even, $odd, "r12", "lr", "r10", "r11"),
        )
    };
}
/// Two words of each channel: 23 instructions of four bytes.
macro_rules! words_8 {
    () => {
        concat!("ldmia.w r0!, {{r2-r5}}\n", quad_8!("r2", "r3"), quad_8!("r4", "r5"))
    };
}
/// A channel meets two words of the column with bytes of a word that it may not need afterwards.
macro_rules! crossed {
    ($first:literal, $second:literal, $word:literal, $last:literal, $acc:literal) => {
        concat!(
            "sxtab16 r12, ",
            $second,
            ", ",
            $word,
            "\n",
            "sxtab16 ",
            $last,
            ", ",
            $first,
            ", ",
            $word,
            ", ror #8\n",
            "smlad ",
            $acc,
            ", r12, ",
            $last,
            ", ",
            $acc,
            "\n",
        )
    };
}
/// The same with a part of every byte.
macro_rules! part {
    ($first:literal, $second:literal, $word:literal, $part:literal, $acc:literal) => {
        concat!("and lr, ", $word, ", #", $part, "\n", crossed!($first, $second, "lr", "lr", $acc))
    };
}
macro_rules! channel_4 {
    ($word:literal, $acc:literal) => {
        concat!(part!("r2", "r3", $word, "0x0f0f0f0f", $acc), crossed!("r4", "r5", $word, $word, $acc))
    };
}
/// One word of each channel: 31 instructions.
macro_rules! words_4 {
    () => {
        concat!(
            "ldmia.w r0!, {{r2-r5}}\n ldmia.w r1!, {{r6, r7}}\n",
            channel_4!("r6", "r8"),
            channel_4!("r7", "r9"),
            "ldmia.w r1!, {{r6, r7}}\n",
            channel_4!("r6", "r10"),
            channel_4!("r7", "r11"),
        )
    };
}
/// All four channels meet two words of the column with a part of every byte.
macro_rules! parts_2 {
    ($part:literal) => {
        concat!(
            "ldmia.w r0!, {{r2, r3}}\n",
            part!("r2", "r3", "r4", $part, "r8"),
            part!("r2", "r3", "r5", $part, "r9"),
            part!("r2", "r3", "r6", $part, "r10"),
            part!("r2", "r3", "r7", $part, "r11"),
        )
    };
}
/// One word of each channel: 65 instructions.
macro_rules! words_2 {
    () => {
        concat!(
            "ldmia.w r1!, {{r4-r7}}\n",
            parts_2!("0x03030303"),
            parts_2!("0x0f0f0f0f"),
            parts_2!("0x3f3f3f3f"),
            "ldmia.w r0!, {{r2, r3}}\n",
            crossed!("r2", "r3", "r4", "r4", "r8"),
            crossed!("r2", "r3", "r5", "r5", "r9"),
            crossed!("r2", "r3", "r6", "r6", "r10"),
            crossed!("r2", "r3", "r7", "r7", "r11"),
        )
    };
}
/// Takes the terms in r2 and r3 from accumulators: see [`DenseProduct::terms`].
macro_rules! terms_8 {
    () => {
        "sub r9, r9, r8
         sub r11, r11, r10
         add r9, r2
         add r11, r2
         add r8, r3, r8, lsl #8
         add r10, r3, r10, lsl #8\n"
    };
}
macro_rules! terms {
    () => {
        "add r8, r2\n add r9, r2\n add r10, r2\n add r11, r2\n"
    };
}

/// One dense kernel: the task is copied to the stack, and the places of results move on there.
macro_rules! dense {
    ($name:ident, [$($words:ident),*], $terms:ident) => {
        /// # Safety
        /// The task's pointers must be valid for its blocks and column, `entry` must be the end of a word.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r4-r11, lr}}",
                "sub sp, #36",
                "ldmia r0, {{r2-r11}}",
                "mov r1, r11",
                "adr r11, 4f",
                "sub r3, r11, r3",
                "orr r3, #1",
                "stm sp, {{r2-r10}}",
                "2:",
                "ldmia r1!, {{r8-r11}}",
                "ldm sp, {{r0, pc}}",
                "3:",
                $($words!(),)*
                "4:",
                "ldr r2, [sp, #8]",
                "cmp r0, r2",
                "bne 3b",
                "add r0, sp, #12",
                "ldm r0, {{r2-r7}}",
                $terms!(),
                "cbz r4, 5f",
                "ldmia r4!, {{r0, r2, r3, r12}}",
                "smmul r8, r8, r0",
                "smmul r9, r9, r2",
                "smmul r10, r10, r3",
                "smmul r11, r11, r12",
                "asr r8, r8, r7",
                "asr r9, r9, r7",
                "asr r10, r10, r7",
                "asr r11, r11, r7",
                "ssat r8, #8, r8",
                "ssat r9, #8, r9",
                "ssat r10, #8, r10",
                "ssat r11, #8, r11",
                "strb r8, [r5], #1",
                "strb r9, [r5], #1",
                "strb r10, [r5], #1",
                "strb r11, [r5], #1",
                "str r4, [sp, #20]",
                "str r5, [sp, #24]",
                "cmp r1, r6",
                "bne 2b",
                "b 6f",
                "5:",
                "stmia r5!, {{r8-r11}}",
                "str r5, [sp, #24]",
                "cmp r1, r6",
                "bne 2b",
                "6:",
                "add sp, #36",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

dense!(dense_8, [words_8, words_8, words_8, words_8, words_8, words_8, words_8, words_8], terms_8);
dense!(dense_4, [words_4, words_4], terms);
dense!(dense_2, [words_2], terms);

/// Bytes of instructions for what the loop repeats; base-2 logarithms of the words in it and of its repetitions.
const fn unrolled(bits: WeightBits) -> (usize, u32, u32) {
    match bits.linked() {
        WeightBits::W8 => (23 * 4, 1, 3),
        WeightBits::W4 => (31 * 4, 0, 1),
        WeightBits::W2 => (65 * 4, 0, 0),
    }
}

/// The blocks of a dense layer; the caller has compared all sizes. 8-bit rows have an even number of words.
#[inline(always)]
pub(super) fn run(product: &DenseProduct, out: &Output) {
    let weights = product.weights;
    let (bytes, log2_words, log2_repeats) = unrolled(weights.bits);
    let rest = (weights.row_words >> log2_words) & ((1 << log2_repeats) - 1);
    let start = weights.words.as_ptr();
    let mut task = Task {
        column: product.column.as_ptr(),
        entry: bytes * if rest == 0 { 1 << log2_repeats } else { rest },
        column_end: product.column.as_ptr().wrapping_add(product.column_words()),
        terms: product.terms,
        multipliers: null(),
        out: null(),
        weights_end: start.wrapping_add(product.blocks * DENSE_CHANNELS * (weights.row_words + 1)),
        shift: 0,
        weights: start,
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
    // SAFETY: `DenseProduct::run` has compared column, weights, multipliers and output with the blocks. The loop is entered
    // a whole number of its repetitions before its end. All bytes written are cells.
    unsafe {
        match weights.bits.linked() {
            WeightBits::W8 => dense_8(&task),
            WeightBits::W4 => dense_4(&task),
            WeightBits::W2 => dense_2(&task),
        }
    }
}
