//! Products of weights of 4 and 2 bits on Armv7-M: see [`super::narrow`] for words and weights.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::narrow::Rows;

macro_rules! pairs {
    ($name:ident, $pairs:literal, $apart:literal, $step:literal) => {
        /// Words `$step` bytes apart of inputs up to `end`, pairs of which are `$apart` from each other; sum of the inputs.
        ///
        /// # Safety
        /// The inputs must be readable, twice `$apart` or a multiple, and their words writable.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            words: *const Cell<u32>,
            inputs: *const Cell<u8>,
            end: *const Cell<u8>,
        ) -> i32 {
            naked_asm!(
                "push {{r4, r5}}",
                "movs r3, #0",
                "2:",
                concat!(".irp i, ", $pairs),
                r"ldrsb r4, [r1, #\i]",
                concat!(r"ldrsb r5, [r1, #\i + ", $apart, "]"),
                "add r3, r4",
                "add r3, r5",
                "add r5, r5, r4, lsl #16",
                concat!("str r5, [r0], #", $step),
                ".endr",
                concat!("adds r1, #2 * ", $apart),
                "cmp r1, r2",
                "bne 2b",
                "mov r0, r3",
                "pop {{r4, r5}}",
                "bx lr",
            )
        }
    };
}

pairs!(pairs_4, "0, 1, 2, 3", "4", "8");
pairs!(pairs_2, "0, 1, 2, 3, 4, 5, 6, 7", "8", "8");
pairs!(dense_pairs_4, "0, 1, 2, 3", "4", "4");
pairs!(dense_pairs_2, "0, 1, 2, 3, 4, 5, 6, 7", "8", "4");

/// Weights of the next word, with their signs turned.
macro_rules! weights {
    ($signs:literal) => {
        concat!("ldr r3, [r1], #4\n eor r3, r3, #", $signs, "\n")
    };
}

/// Two weights, `$shift` bits behind the word's first, meet inputs of two pixels; sums begin with the first ones.
macro_rules! step {
    (first $a:literal $b:literal) => {
        concat!("and r12, r2, r3\n mul r8, r12, ", $a, "\n mul r9, r12, ", $b, "\n")
    };
    ($shift:literal $a:literal $b:literal) => {
        concat!(
            "and r12, r2, r3, lsr #",
            $shift,
            "\n mla r8, r12, ",
            $a,
            ", r8\n mla r9, r12, ",
            $b,
            ", r9\n",
        )
    };
}

/// The upper sums of a round.
macro_rules! upper {
    () => {
        "add r8, #0x8000\n add r10, r10, r8, asr #16\n add r9, #0x8000\n add r11, r11, r9, asr #16\n"
    };
}

macro_rules! round_4 {
    () => {
        concat!(
            weights!("0x88888888"),
            "ldm r0!, {{r4-r7}}\n",
            step!(first "r4" "r5"),
            step!("4" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("8" "r4" "r5"),
            step!("12" "r6" "r7"),
            weights!("0x88888888"),
            "ldm r0!, {{r4-r7}}\n",
            "and r12, r2, r3\n mla r8, r12, r4, r8\n mla r9, r12, r5, r9\n",
            step!("4" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("8" "r4" "r5"),
            step!("12" "r6" "r7"),
            upper!(),
        )
    };
}

macro_rules! round_2 {
    () => {
        concat!(
            weights!("0xaaaaaaaa"),
            "ldm r0!, {{r4-r7}}\n",
            step!(first "r4" "r5"),
            step!("2" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("4" "r4" "r5"),
            step!("6" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("8" "r4" "r5"),
            step!("10" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("12" "r4" "r5"),
            step!("14" "r6" "r7"),
            upper!(),
        )
    };
}

/// The weights of a byte meet words of both pixels one by one.
macro_rules! byte_4 {
    () => {
        concat!(
            "ldrsb r3, [r1], #1\n ldrd r4, r5, [r0], #8\n",
            "sbfx r12, r3, #0, #4\n mla r8, r12, r4, r8\n asr r12, r3, #4\n mla r8, r12, r5, r8\n",
        )
    };
}
macro_rules! byte_2 {
    () => {
        concat!(
            "ldrsb r3, [r1], #1\n ldm r0!, {{r4-r7}}\n",
            "sbfx r12, r3, #0, #2\n mla r8, r12, r4, r8\n sbfx r12, r3, #2, #2\n mla r8, r12, r5, r8\n",
            "sbfx r12, r3, #4, #2\n mla r8, r12, r6, r8\n asr r12, r3, #6\n mla r8, r12, r7, r8\n",
        )
    };
}

/// Stores the sums as they are; `r12` becomes the row's index.
macro_rules! sums {
    () => {
        "ldr r3, [sp]\n ldr r12, [sp, #4]\n add r3, r3, r12, lsl #3\n strd r10, r11, [r3]\n"
    };
}

/// The same for results.
macro_rules! results {
    () => {
        concat!(
            "ldr r12, [sp]\n ldm r12, {{r0, r3-r7}}\n ldr r12, [sp, #4]\n",
            "ldr r0, [r0, r12, lsl #2]\n ldr r3, [r3, r12, lsl #2]\n",
            "add r10, r0\n add r11, r0\n lsl r10, r10, r6\n lsl r11, r11, r6\n",
            "smull r8, r10, r10, r3\n smull r8, r11, r11, r3\n",
            "asr r10, r10, r7\n asr r11, r11, r7\n ssat r10, #8, r10\n ssat r11, #8, r11\n",
            "strb r10, [r4, r12]\n strb r11, [r5, r12]\n",
        )
    };
}

macro_rules! rows {
    ($name:ident, $mask:literal, $round:ident, $byte:ident, $end:ident) => {
        /// # Safety
        /// The task's words and the weights of its rows must be readable, and what the function stores writable; it has
        /// a row.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(task: *const Rows) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "sub sp, #28",
                "ldm r0!, {{r4-r9}}",
                "stm sp, {{r4-r9}}",
                "ldm r0, {{r1, lr}}",
                concat!("mov r2, #", $mask),
                "1:",
                "ldr r0, [sp, #8]",
                "ldrd r10, r11, [sp, #12]",
                "cmp r0, lr",
                "beq 3f",
                "2:",
                $round!(),
                "cmp r0, lr",
                "bne 2b",
                "3:",
                "ldr r9, [sp, #20]",
                "cmp r0, r9",
                "beq 5f",
                "movs r8, #0",
                "4:",
                $byte!(),
                "cmp r0, r9",
                "bne 4b",
                "sxth r3, r8",
                "add r10, r3",
                "subs r8, r8, r3",
                "add r11, r11, r8, asr #16",
                "5:",
                $end!(),
                "adds r12, #1",
                "str r12, [sp, #4]",
                "bne 1b",
                "add sp, #28",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

rows!(rows_4, "0x000f000f", round_4, byte_4, sums);
rows!(rows_2, "0x00030003", round_2, byte_2, sums);
rows!(rows_4_last, "0x000f000f", round_4, byte_4, results);
rows!(rows_2_last, "0x00030003", round_2, byte_2, results);

pub(super) use {byte_2, byte_4, weights};
