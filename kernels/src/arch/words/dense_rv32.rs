//! Products of four rows with one input on RV32IM.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::product::ROWS;
use super::rv32::{extensions, give_back, save};

/// Registers: a0 inputs, a1 to a4 rows, a5 and a6 ends, s1 to s4 sums.
///
/// # Safety
/// Inputs up to both ends, the first after whole rounds of four, and as many weights of four rows must be readable.
#[unsafe(naked)]
unsafe extern "C" fn dense_8(
    input: *const Cell<u8>,
    a: *const u8,
    b: *const u8,
    c: *const u8,
    d: *const u8,
    rounds: *const Cell<u8>,
    end: *const Cell<u8>,
    sums: *mut [i32; ROWS],
) {
    naked_asm!(
        extensions!(),
        save!(),
        r"
        .macro four_bytes row, sum
            lb t0, 0(\row)
            lb t1, 1(\row)
            lb t2, 2(\row)
            lb t3, 3(\row)
            mul t0, t0, t4
            mul t1, t1, t5
            mul t2, t2, t6
            mul t3, t3, s0
            addi \row, \row, 4
            add \sum, \sum, t0
            add \sum, \sum, t1
            add \sum, \sum, t2
            add \sum, \sum, t3
        .endm
        .macro one_byte row, sum
            lb t0, 0(\row)
            addi \row, \row, 1
            mul t0, t0, t4
            add \sum, \sum, t0
        .endm
        .macro rows one
            \one a1, s1
            \one a2, s2
            \one a3, s3
            \one a4, s4
        .endm
            li s1, 0
            li s2, 0
            li s3, 0
            li s4, 0
            beq a0, a5, 3f
        2:
            lb t4, 0(a0)
            lb t5, 1(a0)
            lb t6, 2(a0)
            lb s0, 3(a0)
            addi a0, a0, 4
            rows four_bytes
            bne a0, a5, 2b
        3:
            beq a0, a6, 5f
        4:
            lb t4, 0(a0)
            addi a0, a0, 1
            rows one_byte
            bne a0, a6, 4b
        5:
            sw s1, 0(a7)
            sw s2, 4(a7)
            sw s3, 8(a7)
            sw s4, 12(a7)
        .purgem four_bytes
        .purgem one_byte
        .purgem rows
        ",
        give_back!(),
    )
}

/// See [`super::product::dense`], which has compared the slices.
pub(super) fn dense(input: &[Cell<u8>], weights: &[u8], stride: usize) -> [i32; ROWS] {
    let row = |index: usize| weights.as_ptr().wrapping_add(index * stride);
    let range = input.as_ptr_range();
    let rounds = range.start.wrapping_add(input.len() & !3);
    let mut sums = [0; ROWS];
    // SAFETY: four rows of as many weights as there are inputs lie in `weights`.
    unsafe { dense_8(range.start, row(0), row(1), row(2), row(3), rounds, range.end, &mut sums) }
    sums
}
