//! Products of a strip by instructions, in all fourteen registers: two channels by three pixels stay in six of them.
//!
//! The words of a row are a multiple of what the loop takes at once and a rest; the loop is entered so far before its
//! end that the rest comes first.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::null;

use super::product::{Output, PIXELS, Product, Starts};
use crate::WeightBits;
use crate::layout::dsp::CONV_CHANNELS;

/// What [`Product`] says, as the instructions find it on their stack.
#[repr(C)]
struct Task {
    columns: *const Cell<u32>,
    sums: [i32; PIXELS],
    columns_end: *const Cell<u32>,
    /// Bytes of instructions from where the loop is entered to its end.
    entry: usize,
    multipliers: *const i32,
    /// The first pixel's results, or accumulators.
    out: *const Cell<u8>,
    /// Bytes from the first pixel's results to the other two.
    second: usize,
    third: usize,
    weights_end: *const u32,
    /// How results leave the registers.
    mode: usize,
    residual: *const Cell<u8>,
    residual_multiplier: i32,
    /// What is left of the residual's shift behind the high word.
    shift: u32,
    weights: *const u32,
}

/// Two channels by three pixels for one set of lanes: the words meet the pixels of r2 to r4.
macro_rules! channel_0 {
    ($w:literal) => {
        concat!("smlad r8, r2, ", $w, ", r8\n smlad r9, r3, ", $w, ", r9\n smlad r10, r4, ", $w, ", r10\n")
    };
}
macro_rules! channel_1 {
    ($w:literal) => {
        concat!("smlad r11, r2, ", $w, ", r11\n smlad r12, r3, ", $w, ", r12\n smlad lr, r4, ", $w, ", lr\n")
    };
}
macro_rules! pixels {
    () => {
        "ldmia.w r0!, {{r2, r3, r4}}\n"
    };
}
/// Both channels meet what an instruction makes of their words.
macro_rules! lanes {
    ($op:literal, $rest:literal) => {
        concat!(
            pixels!(),
            $op,
            " r7, r5",
            $rest,
            "\n",
            channel_0!("r7"),
            $op,
            " r7, r6",
            $rest,
            "\n",
            channel_1!("r7"),
        )
    };
}
/// Both channels meet their words as they are.
macro_rules! lanes_raw {
    () => {
        concat!(pixels!(), channel_0!("r5"), channel_1!("r6"))
    };
}
macro_rules! weights {
    () => {
        "ldmia.w r1!, {{r5, r6}}\n"
    };
}
/// 17 instructions of four bytes.
macro_rules! word_8 {
    () => {
        concat!(
            weights!(),
            lanes_raw!(),
            pixels!(),
            "uxtb16 r5, r5\n uxtb16 r6, r6\n",
            channel_0!("r5"),
            channel_1!("r6")
        )
    };
}
macro_rules! other_bytes {
    () => {
        "sxtb16 r5, r5, ror #8\n sxtb16 r6, r6, ror #8\n"
    };
}
/// 37 instructions.
macro_rules! word_4 {
    () => {
        concat!(
            weights!(),
            lanes!("and", ", #0x000f000f"),
            lanes!("sxtb16", ""),
            other_bytes!(),
            lanes!("and", ", #0x000f000f"),
            lanes_raw!(),
        )
    };
}
/// 73 instructions.
macro_rules! word_2 {
    () => {
        concat!(
            weights!(),
            lanes!("and", ", #0x00030003"),
            lanes!("and", ", #0x000f000f"),
            lanes!("and", ", #0x003f003f"),
            lanes!("sxtb16", ""),
            other_bytes!(),
            lanes!("and", ", #0x00030003"),
            lanes!("and", ", #0x000f000f"),
            lanes!("and", ", #0x003f003f"),
            lanes_raw!(),
        )
    };
}

/// The high word of two products' sum, shifted, as a byte: r5 is the channel's multiplier, r6 the residual's, r1 the shift.
macro_rules! residual {
    ($acc:literal, $load:literal, $store:literal, $shift:literal) => {
        concat!(
            "smull ",
            $acc,
            ", r7, ",
            $acc,
            ", r5\n",
            "ldrsb r4, ",
            $load,
            "\n",
            "lsl r4, r4, #",
            $shift,
            "\n",
            "smlal ",
            $acc,
            ", r7, r4, r6\n",
            "asr r7, r7, r1\n",
            "ssat r7, #8, r7\n",
            "strb r7, ",
            $store,
            "\n",
        )
    };
}
/// A byte from the high word of a product, shifted by r5.
macro_rules! byte {
    ($acc:literal) => {
        concat!("asr ", $acc, ", ", $acc, ", r5\n ssat ", $acc, ", #8, ", $acc, "\n")
    };
}

/// One strip kernel: what follows `task` on the stack is read from there, and the places of results move on.
macro_rules! strip {
    ($name:ident, [$($word:ident),*], end: $end:literal, shift: $shift:literal) => {
        /// # Safety
        /// The task's pointers must be valid for its blocks and columns, `entry` must be the end of a word.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r4-r11, lr}}",
                "sub sp, #64",
                "ldmia r0!, {{r2-r9}}",
                "stm sp, {{r2-r9}}",
                "ldmia r0, {{r1-r8}}",
                "add r0, sp, #32",
                "stm r0, {{r1-r7}}",
                "mov r1, r8",
                "ldr r2, [sp, #20]",
                "adr r3, 4f",
                "sub r3, r2",
                "orr r3, #1",
                "str r3, [sp, #20]",
                // A block of two channels: accumulators start with the pixels' sums and the channels' headers.
                "2:",
                "ldm sp, {{r0, r2, r3, r4, r7}}",
                "ldmia r1!, {{r5, r6}}",
                "add r8, r5, r2",
                "add r9, r5, r3",
                "add r10, r5, r4",
                "add r11, r6, r2",
                "add r12, r6, r3",
                "add lr, r6, r4",
                "ldr pc, [sp, #20]",
                "3:",
                $($word!(),)*
                "4:",
                $end,
                "cmp r0, r7",
                "bne 3b",
                "ldr r0, [sp, #24]",
                "ldr r2, [sp, #28]",
                "ldr r3, [sp, #32]",
                "ldr r4, [sp, #36]",
                "ldr r7, [sp, #40]",
                "ldr r5, [sp, #44]",
                "cbnz r5, 5f",
                "ldmia r0!, {{r5, r6}}",
                "smmul r8, r8, r5",
                "smmul r9, r9, r5",
                "smmul r10, r10, r5",
                "smmul r11, r11, r6",
                "smmul r12, r12, r6",
                "smmul lr, lr, r6",
                concat!("ssat r8, #8, r8, asr #", $shift),
                concat!("ssat r9, #8, r9, asr #", $shift),
                concat!("ssat r10, #8, r10, asr #", $shift),
                concat!("ssat r11, #8, r11, asr #", $shift),
                concat!("ssat r12, #8, r12, asr #", $shift),
                concat!("ssat lr, #8, lr, asr #", $shift),
                "7:",
                "strb r8, [r2]",
                "strb r9, [r2, r3]",
                "strb r10, [r2, r4]",
                "strb r11, [r2, #1]!",
                "strb r12, [r2, r3]",
                "strb lr, [r2, r4]",
                "adds r2, #1",
                "str r0, [sp, #24]",
                "str r2, [sp, #28]",
                "cmp r1, r7",
                "bne 2b",
                "b 9f",
                "5:",
                "cmp r5, #2",
                "beq 6f",
                "bhi 8f",
                // With a residual: two products in 64 bits, their high word shifted.
                "ldr r5, [r0], #4",
                "str r1, [sp, #60]",
                "ldr r6, [sp, #52]",
                "ldr r1, [sp, #56]",
                "str r0, [sp, #24]",
                "mov r0, r2",
                "ldr r2, [sp, #48]",
                residual!("r8", "[r2]", "[r0]", $shift),
                residual!("r9", "[r2, r3]", "[r0, r3]", $shift),
                residual!("r10", "[r2, r3, lsl #1]", "[r0, r3, lsl #1]", $shift),
                "ldr r8, [sp, #24]",
                "ldr r5, [r8], #4",
                "str r8, [sp, #24]",
                residual!("r11", "[r2, #1]!", "[r0, #1]!", $shift),
                residual!("r12", "[r2, r3]", "[r0, r3]", $shift),
                residual!("lr", "[r2, r3, lsl #1]", "[r0, r3, lsl #1]", $shift),
                "adds r0, #1",
                "adds r2, #1",
                "str r0, [sp, #28]",
                "str r2, [sp, #48]",
                "ldr r1, [sp, #60]",
                "ldr r7, [sp, #40]",
                "cmp r1, r7",
                "bne 2b",
                "b 9f",
                "6:",
                "stmia r2!, {{r8-r12, lr}}",
                "str r2, [sp, #28]",
                "cmp r1, r7",
                "bne 2b",
                "b 9f",
                // Bytes at another shift.
                "8:",
                "ldmia r0!, {{r5, r6}}",
                "smmul r8, r8, r5",
                "smmul r9, r9, r5",
                "smmul r10, r10, r5",
                "smmul r11, r11, r6",
                "smmul r12, r12, r6",
                "smmul lr, lr, r6",
                "ldr r5, [sp, #56]",
                byte!("r8"),
                byte!("r9"),
                byte!("r10"),
                byte!("r11"),
                byte!("r12"),
                byte!("lr"),
                "b 7b",
                "9:",
                "add sp, #64",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

strip!(strip_8, [word_8, word_8, word_8, word_8, word_8, word_8, word_8, word_8], end: "", shift: 8);
strip!(strip_4, [word_4, word_4, word_4, word_4], end: "ldr r7, [sp, #16]", shift: 4);
strip!(strip_2, [word_2, word_2], end: "ldr r7, [sp, #16]", shift: 6);

/// Bytes of instructions for one word, and the words of the loop.
const fn unrolled(bits: WeightBits) -> (usize, usize) {
    match bits.linked() {
        WeightBits::W8 => (17 * 4, 8),
        WeightBits::W4 => (37 * 4, 4),
        WeightBits::W2 => (73 * 4, 2),
    }
}

const BYTES: usize = 0;
const SUM: usize = 1;
const ACCUMULATORS: usize = 2;
const SHIFTED: usize = 3;

/// A product that is made anew for every strip; its sizes were compared.
pub(super) struct Ready<'a> {
    task: Task,
    bits: WeightBits,
    out: *const Cell<u8>,
    residual: *const Cell<u8>,
    lives: PhantomData<&'a Cell<u8>>,
}

impl<'a> Ready<'a> {
    pub(super) fn new(product: &Product<'a>, out: &Output<'a>) -> Self {
        let (word_bytes, words) = unrolled(product.weights.bits);
        let rest = product.weights.row_words & (words - 1);
        let entry = word_bytes * if rest == 0 { words } else { rest };
        let weights = product.weights.words.as_ptr();
        let mut task = Task {
            columns: product.columns.as_ptr(),
            sums: [0; PIXELS],
            columns_end: product.columns.as_ptr().wrapping_add(product.column_words()),
            entry,
            multipliers: null(),
            out: null(),
            second: 0,
            third: 0,
            weights_end: weights
                .wrapping_add(product.blocks * CONV_CHANNELS * (product.weights.row_words + 1)),
            mode: ACCUMULATORS,
            residual: null(),
            residual_multiplier: 0,
            shift: 0,
            weights,
        };
        let all;
        let mut residuals = null();
        match out {
            Output::Accumulators(out) => all = out.as_ptr().cast(),
            Output::Bytes(bytes) | Output::Sum(bytes, _) => {
                all = bytes.out.as_ptr();
                task.multipliers = bytes.multipliers.as_ptr();
                task.mode = if bytes.shift == product.weights.bits.log2_factor() { BYTES } else { SHIFTED };
                task.shift = bytes.shift;
                if let Output::Sum(_, residual) = out {
                    task.mode = SUM;
                    residuals = residual.values.as_ptr();
                    task.residual_multiplier = residual.multiplier;
                }
            }
        }
        Self { task, bits: product.weights.bits, out: all, residual: residuals, lives: PhantomData }
    }

    #[inline(always)]
    pub(super) fn run(&mut self, sums: [i32; PIXELS], [first, second, third]: Starts) {
        self.task.sums = sums;
        self.task.out = self.out.wrapping_add(first);
        self.task.residual = self.residual.wrapping_add(first);
        (self.task.second, self.task.third) = (second - first, third - first);
        // SAFETY: `Product::room` has compared columns, weights, multipliers, residual and output with the blocks,
        // `Strip::run` the starts with the room. The loop is entered a whole number of words before its end. All bytes
        // written are cells.
        unsafe {
            match self.bits.linked() {
                WeightBits::W8 => strip_8(&self.task),
                WeightBits::W4 => strip_4(&self.task),
                WeightBits::W2 => strip_2(&self.task),
            }
        }
    }
}
