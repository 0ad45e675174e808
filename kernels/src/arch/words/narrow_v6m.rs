//! Products of weights of 4 and 2 bits on Armv6-M: see [`super::narrow`] for words and weights.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::narrow::Rows;
use super::v6m::{give_back, high_word, save};

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
                "push {{r4-r7, lr}}",
                "movs r6, #0",
                "mov r7, r1",
                concat!("adds r7, #", $apart),
                "2:",
                "movs r3, #0",
                concat!(".irp i, ", $pairs),
                "ldrsb r4, [r1, r3]",
                "ldrsb r5, [r7, r3]",
                "adds r3, #1",
                "adds r6, r6, r4",
                "adds r6, r6, r5",
                "lsls r4, r4, #16",
                "adds r4, r4, r5",
                concat!(r"str r4, [r0, #\i * ", $step, "]"),
                ".endr",
                concat!("adds r0, #", $apart, " * ", $step),
                concat!("adds r1, #2 * ", $apart),
                concat!("adds r7, #2 * ", $apart),
                "cmp r1, r2",
                "bne 2b",
                "mov r0, r6",
                "pop {{r4-r7, pc}}",
            )
        }
    };
}

pairs!(pairs_4, "0, 1, 2, 3", "4", "8");
pairs!(pairs_2, "0, 1, 2, 3, 4, 5, 6, 7", "8", "8");
pairs!(dense_pairs_4, "0, 1, 2, 3", "4", "4");
pairs!(dense_pairs_2, "0, 1, 2, 3, 4, 5, 6, 7", "8", "4");

/// Weights of the next word, which may lie at any address, with their signs turned.
macro_rules! weights {
    () => {
        concat!(
            "mov r2, r12\n lsls r4, r2, #30\n beq 7f\n",
            "ldrb r1, [r2, #3]\n lsls r1, r1, #8\n ldrb r4, [r2, #2]\n orrs r1, r4\n lsls r1, r1, #8\n",
            "ldrb r4, [r2, #1]\n orrs r1, r4\n lsls r1, r1, #8\n ldrb r4, [r2]\n orrs r1, r4\n",
            "adds r2, #4\n b 8f\n",
            "7:\n ldm r2!, {{r1}}\n",
            "8:\n mov r12, r2\n ldr r2, [sp, #24]\n eors r1, r2\n",
        )
    };
}

/// Two weights, which `$take` takes, meet inputs of two pixels; sums begin with the first ones.
macro_rules! step {
    ($take:literal $a:literal $b:literal $put:literal) => {
        concat!(
            $take,
            "\n ands r2, r3\n muls ",
            $a,
            ", r2, ",
            $a,
            "\n ",
            $put,
            " r8, ",
            $a,
            "\n muls ",
            $b,
            ", r2, ",
            $b,
            "\n ",
            $put,
            " r9, ",
            $b,
            "\n",
        )
    };
    (first $a:literal $b:literal) => {
        step!("movs r2, r1" $a $b "mov")
    };
    ($take:literal $a:literal $b:literal) => {
        step!($take $a $b "add")
    };
}

/// The upper sums of a round.
macro_rules! upper {
    () => {
        concat!(
            "ldr r4, [sp, #28]\n mov r5, r4\n add r4, r8\n add r5, r9\n",
            "asrs r4, r4, #16\n asrs r5, r5, #16\n add r10, r4\n add r11, r5\n",
        )
    };
}

macro_rules! round_4 {
    () => {
        concat!(
            weights!(),
            "ldm r0!, {{r4-r7}}\n",
            step!(first "r4" "r5"),
            step!("lsrs r2, r1, #4" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("lsrs r2, r1, #8" "r4" "r5"),
            step!("lsrs r2, r1, #12" "r6" "r7"),
            weights!(),
            "ldm r0!, {{r4-r7}}\n",
            step!("movs r2, r1" "r4" "r5"),
            step!("lsrs r2, r1, #4" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("lsrs r2, r1, #8" "r4" "r5"),
            step!("lsrs r2, r1, #12" "r6" "r7"),
            upper!(),
        )
    };
}

macro_rules! round_2 {
    () => {
        concat!(
            weights!(),
            "ldm r0!, {{r4-r7}}\n",
            step!(first "r4" "r5"),
            step!("lsrs r2, r1, #2" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("lsrs r2, r1, #4" "r4" "r5"),
            step!("lsrs r2, r1, #6" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("lsrs r2, r1, #8" "r4" "r5"),
            step!("lsrs r2, r1, #10" "r6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("lsrs r2, r1, #12" "r4" "r5"),
            step!("lsrs r2, r1, #14" "r6" "r7"),
            upper!(),
        )
    };
}

/// One weight meets a word of both pixels.
macro_rules! weight {
    ($take:literal $word:literal) => {
        concat!($take, "\n muls ", $word, ", r2, ", $word, "\n add r8, ", $word, "\n")
    };
}

/// The next byte of weights.
macro_rules! byte {
    () => {
        "mov r2, r12\n movs r1, #0\n ldrsb r1, [r2, r1]\n adds r2, #1\n mov r12, r2\n"
    };
}

/// The weights of a byte meet words of both pixels one by one.
macro_rules! byte_4 {
    () => {
        concat!(
            byte!(),
            "ldm r0!, {{r4, r5}}\n",
            weight!("lsls r2, r1, #28\n asrs r2, r2, #28" "r4"),
            weight!("asrs r2, r1, #4" "r5"),
        )
    };
}
macro_rules! byte_2 {
    () => {
        concat!(
            byte!(),
            "ldm r0!, {{r4-r7}}\n",
            weight!("lsls r2, r1, #30\n asrs r2, r2, #30" "r4"),
            weight!("lsls r2, r1, #28\n asrs r2, r2, #30" "r5"),
            weight!("lsls r2, r1, #26\n asrs r2, r2, #30" "r6"),
            weight!("asrs r2, r1, #6" "r7"),
        )
    };
}

/// Stores the sums as they are; `r5` becomes the row's index.
macro_rules! sums {
    () => {
        concat!(
            "ldr r5, [sp, #4]\n ldr r6, [sp]\n lsls r4, r5, #3\n adds r6, r6, r4\n",
            "mov r0, r10\n mov r1, r11\n stm r6!, {{r0, r1}}\n",
        )
    };
}

/// The result of a sum in `r0`, whose multiplier is in `r7`.
macro_rules! result {
    ($sum:literal, $out:literal) => {
        concat!(
            "mov r0, ",
            $sum,
            "\n ldr r1, [r6, #8]\n lsls r0, r1\n uxth r1, r7\n asrs r2, r7, #16\n",
            high_word!("[r6, #12]"),
            "ldr r1, ",
            $out,
            "\n strb r0, [r1, r5]\n",
        )
    };
}

/// Stores results; `r5` becomes the row's index.
macro_rules! results {
    () => {
        concat!(
            "ldr r5, [sp, #4]\n ldr r6, [sp]\n ldm r6!, {{r2, r3}}\n lsls r4, r5, #2\n",
            "ldr r0, [r2, r4]\n ldr r7, [r3, r4]\n add r10, r0\n add r11, r0\n",
            result!("r10", "[r6]"),
            result!("r11", "[r6, #4]"),
        )
    };
}

/// Begins a task of eight words: the first six go to the stack, the last two are weights and the end of whole rounds.
/// Behind the six are constants: signs, what upper sums are rounded with (in `r4` too) and the mask (in `r3` too).
macro_rules! constants {
    ($mask:literal, $signs:literal) => {
        concat!(
            "mov r1, sp\n ldm r0!, {{r2-r7}}\n stm r1!, {{r2-r7}}\n",
            "ldm r0!, {{r2, r3}}\n mov r12, r2\n mov lr, r3\n",
            "movs r3, #",
            $signs,
            "\n lsls r2, r3, #8\n orrs r3, r2\n lsls r2, r3, #16\n orrs r3, r2\n",
            "movs r4, #1\n lsls r4, r4, #15\n stm r1!, {{r3, r4}}\n",
            "movs r3, #",
            $mask,
            "\n lsls r2, r3, #16\n orrs r3, r2\n str r3, [r1]\n",
        )
    };
}

macro_rules! rows {
    ($name:ident, $mask:literal, $signs:literal, $round:ident, $byte:ident, $end:ident) => {
        /// # Safety
        /// The task's words and the weights of its rows must be readable, and what the function stores writable; it has
        /// a row.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(task: *const Rows) {
            naked_asm!(
                save!(),
                "sub sp, #36",
                constants!($mask, $signs),
                "1:",
                "ldr r3, [sp, #32]",
                "ldr r0, [sp, #12]",
                "mov r10, r0",
                "ldr r0, [sp, #16]",
                "mov r11, r0",
                "ldr r0, [sp, #8]",
                "cmp r0, lr",
                "beq 3f",
                "2:",
                $round!(),
                "cmp r0, lr",
                "beq 3f",
                "b 2b",
                "3:",
                "ldr r2, [sp, #20]",
                "cmp r0, r2",
                "beq 5f",
                "movs r4, #0",
                "mov r8, r4",
                "4:",
                $byte!(),
                "ldr r2, [sp, #20]",
                "cmp r0, r2",
                "bne 4b",
                "mov r4, r8",
                "sxth r5, r4",
                "add r10, r5",
                "subs r4, r4, r5",
                "asrs r4, r4, #16",
                "add r11, r4",
                "5:",
                $end!(),
                "adds r5, #1",
                "str r5, [sp, #4]",
                "beq 6f",
                "b 1b",
                "6:",
                "add sp, #36",
                give_back!(),
            )
        }
    };
}

rows!(rows_4, "0x0f", "0x88", round_4, byte_4, sums);
rows!(rows_2, "0x03", "0xaa", round_2, byte_2, sums);
rows!(rows_4_last, "0x0f", "0x88", round_4, byte_4, results);
rows!(rows_2_last, "0x03", "0xaa", round_2, byte_2, results);

pub(super) use {byte, byte_2, byte_4, constants, weight, weights};
