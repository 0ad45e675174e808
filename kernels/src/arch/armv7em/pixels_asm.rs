//! Rows of a depthwise 3x3 convolution by instructions: up to three results of two channels in registers.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::pairs::Pairs;
use super::pixels::Lines;
use crate::linked;

/// A pixel times a tap for both channels: sums, pixel, weights and what the sums were before.
macro_rules! tap {
    ($a:literal, $b:literal, $x:literal, $w:literal) => {
        tap!($a, $b, $x, $w, $a, $b)
    };
    ($a:literal, $b:literal, $x:literal, $w:literal, $from_a:literal, $from_b:literal) => {
        concat!(
            "smlabb ", $a, ", ", $x, ", ", $w, ", ", $from_a, "\n", "smlatt ", $b, ", ", $x, ", ", $w, ", ",
            $from_b, "\n",
        )
    };
}

/// A kernel row of three results, whose first two begin with the sums given.
macro_rules! three_1 {
    ($a0:literal, $b0:literal, $a1:literal, $b1:literal) => {
        concat!(
            "ldm r0, {{r7, r11, lr}}\n",
            tap!("r1", "r2", "r7", "r8", $a0, $b0),
            tap!("r1", "r2", "r11", "r9"),
            tap!("r3", "r4", "r11", "r8", $a1, $b1),
            tap!("r1", "r2", "lr", "r10"),
            tap!("r3", "r4", "lr", "r9"),
            tap!("r5", "r6", "lr", "r8"),
            "ldrd r7, r11, [r0, #12]\n",
            tap!("r3", "r4", "r7", "r10"),
            tap!("r5", "r6", "r7", "r9"),
            tap!("r5", "r6", "r11", "r10"),
        )
    };
}
/// The same at stride 2.
macro_rules! three_2 {
    ($a0:literal, $b0:literal, $a1:literal, $b1:literal) => {
        concat!(
            "ldm r0, {{r7, r11, lr}}\n",
            tap!("r1", "r2", "r7", "r8", $a0, $b0),
            tap!("r1", "r2", "r11", "r9"),
            tap!("r1", "r2", "lr", "r10"),
            tap!("r3", "r4", "lr", "r8", $a1, $b1),
            "ldrd r7, r11, [r0, #12]\n",
            tap!("r3", "r4", "r7", "r9"),
            tap!("r3", "r4", "r11", "r10"),
            tap!("r5", "r6", "r11", "r8"),
            "ldrd r7, r11, [r0, #20]\n",
            tap!("r5", "r6", "r7", "r9"),
            tap!("r5", "r6", "r11", "r10"),
        )
    };
}
/// A kernel row of two results, whose first begins with the sums given.
macro_rules! two_1 {
    ($a0:literal, $b0:literal) => {
        concat!(
            "ldm r0, {{r5, r6, r7, r11}}\n",
            tap!("r1", "r2", "r5", "r8", $a0, $b0),
            tap!("r1", "r2", "r6", "r9"),
            tap!("r1", "r2", "r7", "r10"),
            tap!("r3", "r4", "r6", "r8"),
            tap!("r3", "r4", "r7", "r9"),
            tap!("r3", "r4", "r11", "r10"),
        )
    };
}
/// The same at stride 2.
macro_rules! two_2 {
    ($a0:literal, $b0:literal) => {
        concat!(
            "ldm r0, {{r5, r6, r7, r11, lr}}\n",
            tap!("r1", "r2", "r5", "r8", $a0, $b0),
            tap!("r1", "r2", "r6", "r9"),
            tap!("r1", "r2", "r7", "r10"),
            tap!("r3", "r4", "r7", "r8"),
            tap!("r3", "r4", "r11", "r9"),
            tap!("r3", "r4", "lr", "r10"),
        )
    };
}

/// All results of a block, requantised; r9 is where they go.
macro_rules! end {
    ($($stores:literal),*; $($sum:literal, $multiplier:literal);*) => {
        concat!(
            "ldm r12, {{r7, r8}}\n ldm sp, {{r9-r11, lr}}\n",
            $("smmul ", $sum, ", ", $sum, ", ", $multiplier, "\n",)*
            $("ssat ", $sum, ", #8, ", $sum, "\n",)*
            $($stores, "\n",)*
            "str r9, [sp]\n",
        )
    };
}

/// Lines of results: r0 walks the pixels, r12 the constants, of which r8 to r10 are a kernel row's. The stack holds where
/// the next result goes, and [`Lines`].
macro_rules! lines {
    ($name:ident, $three:ident, $two:ident) => {
        /// # Safety
        /// Pixels and results must be as large as the lines say, for both pairs of channels or the first.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            x: *const Cell<u32>,
            pairs: *const Pairs,
            out: *const Cell<u8>,
            lines: *const Lines,
        ) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r0, r2-r11, lr}}",
                "sub sp, #44",
                "mov r12, r1",
                // Two channels.
                "1:",
                "ldm r3, {{r1, r4-r11, lr}}",
                "add r8, r0",
                "add r9, r0",
                "add r1, r0",
                "stm sp, {{r2, r4-r11, lr}}",
                "str r1, [sp, #40]",
                // A line.
                "2:",
                "cmp r0, r8",
                "beq 4f",
                // The last result of a block begins with the biases where they are.
                "3:",
                "ldm r12!, {{r5, r6, r8, r9, r10}}",
                $three!("r5", "r6", "r5", "r6"),
                "ldm r12!, {{r7, r8, r9, r10}}",
                "add r0, r7",
                $three!("r1", "r2", "r3", "r4"),
                "ldm r12!, {{r7, r8, r9, r10}}",
                "add r0, r7",
                $three!("r1", "r2", "r3", "r4"),
                end!(
                    "strb r2, [r9, r11]", "strb r1, [r9]", "add r9, r10",
                    "strb r4, [r9, r11]", "strb r3, [r9]", "add r9, r10",
                    "strb r6, [r9, r11]", "strb r5, [r9]", "add r9, lr";
                    "r1", "r7"; "r2", "r8"; "r3", "r7"; "r4", "r8"; "r5", "r7"; "r6", "r8"
                ),
                "ldrd r10, r11, [sp, #16]",
                "sub r12, #52",
                "add r0, r10",
                "cmp r0, r11",
                "bne 3b",
                "ldrd r8, r9, [sp, #20]",
                "cmp r0, r9",
                "bne 4f",
                "5:",
                "ldrd r10, r11, [sp, #32]",
                "ldr r7, [sp, #40]",
                "add r8, r10",
                "add r9, r10",
                "add r0, r11",
                "strd r8, r9, [sp, #20]",
                "cmp r0, r7",
                "bne 2b",
                // The other two channels, once.
                "ldr r3, [sp, #52]",
                "cbz r3, 6f",
                "ldr r7, [r3, #40]",
                "cbz r7, 6f",
                "ldrd r0, r2, [sp, #44]",
                "mov r6, #0",
                "str r6, [sp, #52]",
                "add r0, r7",
                "add r2, #1",
                "add r12, #60",
                "b 1b",
                "6:",
                "add sp, #44",
                "pop {{r0, r2-r11, pc}}",
                "4:",
                "ldm r12!, {{r3, r4, r8, r9, r10}}",
                $two!("r3", "r4"),
                "ldm r12!, {{r7, r8, r9, r10}}",
                "add r0, r7",
                $two!("r1", "r2"),
                "ldm r12!, {{r7, r8, r9, r10}}",
                "add r0, r7",
                $two!("r1", "r2"),
                // The second result first: they may lie in one place.
                end!(
                    "add r10, r9",
                    "strb r4, [r10, r11]", "strb r3, [r10]",
                    "strb r2, [r9, r11]", "strb r1, [r9]", "add r9, r10, lr";
                    "r1", "r7"; "r2", "r8"; "r3", "r7"; "r4", "r8"
                ),
                "ldrd r11, r10, [sp, #24]",
                "sub r12, #52",
                "add r0, r10",
                "cmp r0, r11",
                "bne 4b",
                "ldrd r8, r9, [sp, #20]",
                "b 5b",
            )
        }
    };
}
lines!(lines_1, three_1, two_1);
lines!(lines_2, three_2, two_2);

/// Results from byte `at` on.
#[inline(always)]
pub(super) fn run(lines: &Lines, words: &[Cell<u32>], pairs: &Pairs, out: &[Cell<u8>], at: usize) {
    let (x, out) = (words.as_ptr(), out.as_ptr().wrapping_add(at));
    // SAFETY: the lines of pixels and results, which are there by the caller's checks, are what is read and written. Both
    // are cells.
    unsafe {
        match lines.stride {
            2 if linked::STRIDE2 => lines_2(x, pairs, out, lines),
            _ => lines_1(x, pairs, out, lines),
        }
    }
}
