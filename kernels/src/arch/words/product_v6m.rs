//! Products on Armv6-M: sums are in the high registers, which an addition may name.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::column::PIXELS;
use super::dense_task::Dense;
pub(super) use super::dense_task::{dense, store_dense};
use super::product::ROWS;
use super::v6m::{give_back, high_word, save};
use crate::WeightBits;

/// Two rows by two pixels: sums of the first pixel with both rows, then of the second.
///
/// # Safety
/// `count` words and as many weights of both rows must be readable.
#[unsafe(naked)]
unsafe extern "C" fn two_rows(
    words: *const Cell<u32>,
    first: *const u8,
    second: *const u8,
    count: usize,
    sums: *mut [i32; 4],
) {
    naked_asm!(
        save!(),
        // Weights are read up to an end, where the index is 0.
        "adds r1, r1, r3",
        "adds r2, r2, r3",
        "rsbs r3, r3, #0",
        "movs r4, #0",
        "mov r8, r4",
        "mov r9, r4",
        "mov r10, r4",
        "mov r11, r4",
        "2:",
        "ldm r0!, {{r4}}",
        "sxtb r5, r4",
        "ldrsb r6, [r1, r3]",
        "mov r7, r5",
        "muls r7, r6, r7",
        "add r8, r7",
        "ldrsb r7, [r2, r3]",
        "muls r5, r7, r5",
        "add r9, r5",
        "asrs r4, r4, #24",
        "muls r6, r4, r6",
        "add r10, r6",
        "muls r7, r4, r7",
        "add r11, r7",
        "adds r3, r3, #1",
        "bne 2b",
        "ldr r0, [sp, #36]",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "stm r0!, {{r4-r7}}",
        give_back!(),
    )
}

/// See [`super::product::strip`], which has compared the slices with the rows.
pub(super) fn strip(
    words: &[Cell<u32>],
    weights: &[u8],
    stride: usize,
    _bits: WeightBits,
    row_bytes: usize,
) -> [[i32; ROWS]; PIXELS] {
    let pair = |first: usize| {
        let (a, mut sums) = (weights.as_ptr().wrapping_add(first * stride), [0; 4]);
        // SAFETY: four rows lie in `weights`, and `words` are as many as the weights of a row.
        unsafe { two_rows(words.as_ptr(), a, a.wrapping_add(stride), row_bytes, &mut sums) };
        sums
    };
    let ([a, b, c, d], [e, f, g, h]) = (pair(0), pair(2));
    [[a, b, e, f], [c, d, g, h]]
}

/// Stores the sums as they are.
macro_rules! sums {
    () => {
        "ldr r0, [sp]\n mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n stm r0!, {{r4-r7}}\n"
    };
}

/// The result of a sum.
macro_rules! result {
    ($sum:literal, $place:literal) => {
        concat!(
            "ldm r5!, {{r0}}\n add r0, ",
            $sum,
            "\n",
            "ldm r6!, {{r2}}\n uxth r1, r2\n asrs r2, r2, #16\n",
            high_word!("[sp, #12]"),
            "strb r0, [r7, #",
            $place,
            "]\n",
        )
    };
}

/// Stores results.
macro_rules! finish {
    () => {
        concat!(
            "ldr r5, [sp, #4]\n ldr r6, [sp, #8]\n ldr r7, [sp, #16]\n",
            result!("r8", "0"),
            result!("r9", "1"),
            result!("r10", "2"),
            result!("r11", "3"),
        )
    };
}

macro_rules! dense {
    ($name:ident, $end:ident) => {
        /// # Safety
        /// The task's inputs and as many weights of four rows must be readable, and what the function stores writable.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(task: *const Dense) {
            naked_asm!(
                save!(),
                "sub sp, #20",
                "mov r1, r0",
                "mov r2, sp",
                "adds r1, #16",
                "ldm r1!, {{r3-r7}}",
                "stm r2!, {{r3-r7}}",
                "ldm r0, {{r0-r3}}",
                // Everything is read up to an end, where the index is 0.
                "adds r4, r0, r3",
                "adds r0, r1, r3",
                "adds r1, r0, r2",
                "rsbs r5, r3, #0",
                "adds r3, r1, r2",
                "adds r3, r3, r2",
                "adds r2, r1, r2",
                "movs r6, #0",
                "mov r8, r6",
                "mov r9, r6",
                "mov r10, r6",
                "mov r11, r6",
                "2:",
                "ldrsb r6, [r4, r5]",
                "ldrsb r7, [r0, r5]",
                "muls r7, r6, r7",
                "add r8, r7",
                "ldrsb r7, [r1, r5]",
                "muls r7, r6, r7",
                "add r9, r7",
                "ldrsb r7, [r2, r5]",
                "muls r7, r6, r7",
                "add r10, r7",
                "ldrsb r7, [r3, r5]",
                "muls r7, r6, r7",
                "add r11, r7",
                "adds r5, r5, #1",
                "bne 2b",
                $end!(),
                "add sp, #20",
                give_back!(),
            )
        }
    };
}

dense!(dense_8, sums);
dense!(dense_8_last, finish);
