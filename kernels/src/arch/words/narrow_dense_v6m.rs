//! Rows of weights of 4 and 2 bits that meet one column on Armv6-M: see [`super::narrow_dense`].

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;

use super::narrow_dense::Rows;
use super::narrow_v6m::{byte, byte_2, byte_4, constants, weight, weights};
use super::v6m::{give_back, save};

/// Two weights, which `$take` takes, meet two inputs.
macro_rules! step {
    ($take:literal $word:literal) => {
        concat!($take, "\n ands r2, r3\n muls ", $word, ", r2, ", $word, "\n add r8, ", $word, "\n")
    };
}

macro_rules! round_4 {
    () => {
        concat!(
            weights!(),
            "ldm r0!, {{r4-r7}}\n",
            step!("movs r2, r1" "r4"),
            step!("lsrs r2, r1, #4" "r5"),
            step!("lsrs r2, r1, #8" "r6"),
            step!("lsrs r2, r1, #12" "r7"),
            weights!(),
            "ldm r0!, {{r4-r7}}\n",
            step!("movs r2, r1" "r4"),
            step!("lsrs r2, r1, #4" "r5"),
            step!("lsrs r2, r1, #8" "r6"),
            step!("lsrs r2, r1, #12" "r7"),
        )
    };
}

macro_rules! round_2 {
    () => {
        concat!(
            weights!(),
            "ldm r0!, {{r4-r7}}\n",
            step!("movs r2, r1" "r4"),
            step!("lsrs r2, r1, #2" "r5"),
            step!("lsrs r2, r1, #4" "r6"),
            step!("lsrs r2, r1, #6" "r7"),
            "ldm r0!, {{r4-r7}}\n",
            step!("lsrs r2, r1, #8" "r4"),
            step!("lsrs r2, r1, #10" "r5"),
            step!("lsrs r2, r1, #12" "r6"),
            step!("lsrs r2, r1, #14" "r7"),
        )
    };
}

macro_rules! rows {
    ($name:ident, $mask:literal, $signs:literal, $round:ident, $byte:ident) => {
        /// # Safety
        /// The task's words and the weights of its rows must be readable, and its sums writable; it has a row.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(task: *const Rows) {
            naked_asm!(
                save!(),
                "sub sp, #36",
                constants!($mask, $signs),
                "mov r9, r4",
                "1:",
                "ldr r0, [sp, #20]",
                "mov r10, r0",
                "ldr r0, [sp, #8]",
                "cmp r0, lr",
                "beq 3f",
                "2:",
                "mov r8, r9",
                $round!(),
                "mov r4, r8",
                "asrs r4, r4, #16",
                "add r10, r4",
                "cmp r0, lr",
                "beq 3f",
                "b 2b",
                "3:",
                "ldr r2, [sp, #12]",
                "cmp r0, r2",
                "beq 5f",
                "movs r4, #0",
                "mov r8, r4",
                "4:",
                $byte!(),
                "ldr r2, [sp, #12]",
                "cmp r0, r2",
                "bne 4b",
                "add r10, r8",
                "5:",
                "ldr r0, [sp]",
                "ldr r1, [sp, #4]",
                "lsls r2, r1, #2",
                "ldr r4, [r0, r2]",
                "add r4, r10",
                "str r4, [r0, r2]",
                "ldr r0, [sp, #16]",
                "add r12, r0",
                "adds r1, r1, #1",
                "str r1, [sp, #4]",
                "beq 6f",
                "b 1b",
                "6:",
                "add sp, #36",
                give_back!(),
            )
        }
    };
}

rows!(rows_4, "0x0f", "0x88", round_4, byte_4);
rows!(rows_2, "0x03", "0xaa", round_2, byte_2);

pub(super) use super::narrow_v6m::{dense_pairs_2, dense_pairs_4};
