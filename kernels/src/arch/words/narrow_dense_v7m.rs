//! Rows of weights of 4 and 2 bits that meet one column on Armv7-M: see [`super::narrow_dense`].

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;

use super::narrow_dense::Rows;
use super::narrow_v7m::{byte_2, byte_4, weights};

/// Two weights, `$shift` bits behind the word's first, meet two inputs.
macro_rules! step {
    ($shift:literal $word:literal) => {
        concat!("and r12, r2, r3, lsr #", $shift, "\n mla r8, r12, ", $word, ", r8\n")
    };
}

macro_rules! round_4 {
    () => {
        concat!(
            weights!("0x88888888"),
            "ldm r0!, {{r4-r7}}\n and r12, r2, r3\n mul r8, r12, r4\n",
            step!("4" "r5"),
            step!("8" "r6"),
            step!("12" "r7"),
            weights!("0x88888888"),
            "ldm r0!, {{r4-r7}}\n and r12, r2, r3\n mla r8, r12, r4, r8\n",
            step!("4" "r5"),
            step!("8" "r6"),
            step!("12" "r7"),
        )
    };
}

macro_rules! round_2 {
    () => {
        concat!(
            weights!("0xaaaaaaaa"),
            "ldm r0!, {{r4-r7}}\n and r12, r2, r3\n mul r8, r12, r4\n",
            step!("2" "r5"),
            step!("4" "r6"),
            step!("6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("8" "r4"),
            step!("10" "r5"),
            step!("12" "r6"),
            step!("14" "r7"),
        )
    };
}

macro_rules! rows {
    ($name:ident, $mask:literal, $round:ident, $byte:ident) => {
        /// # Safety
        /// The task's words and the weights of its rows must be readable, and its sums writable; it has a row.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(task: *const Rows) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "sub sp, #28",
                "ldm r0!, {{r4-r9}}",
                "stm sp, {{r4-r9}}",
                "ldm r0, {{r1, lr}}",
                concat!("mov r2, #", $mask),
                "mov r11, r6",
                "1:",
                "mov r0, r11",
                "ldr r10, [sp, #20]",
                "cmp r0, lr",
                "beq 3f",
                "2:",
                $round!(),
                "add r8, #0x8000",
                "add r10, r10, r8, asr #16",
                "cmp r0, lr",
                "bne 2b",
                "3:",
                "ldr r9, [sp, #12]",
                "cmp r0, r9",
                "beq 5f",
                "movs r8, #0",
                "4:",
                $byte!(),
                "cmp r0, r9",
                "bne 4b",
                "add r10, r8",
                "5:",
                "ldrd r3, r12, [sp]",
                "ldr r4, [r3, r12, lsl #2]",
                "add r4, r10",
                "str r4, [r3, r12, lsl #2]",
                "ldr r3, [sp, #16]",
                "add r1, r3",
                "adds r12, #1",
                "str r12, [sp, #4]",
                "bne 1b",
                "add sp, #28",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

rows!(rows_4, "0x000f000f", round_4, byte_4);
rows!(rows_2, "0x00030003", round_2, byte_2);

pub(super) use super::narrow_v7m::{dense_pairs_2, dense_pairs_4};
