//! A row of results of a 3x3 depthwise convolution on RV32IM, channel by channel. The weights of a channel stay in
//! registers, and every input is loaded once for the pixels of its row.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::rv32::{extensions, give_back, save};

/// Rows and columns of a kernel.
pub(super) const SIDE: usize = 3;

/// A row of results, as the instructions find it. Channels move its pointers on.
#[repr(C)]
pub(super) struct Task {
    /// First pixel of three input rows.
    pub(super) rows: [*const Cell<u8>; SIDE],
    /// Rows in the padding; they need an address all the same.
    pub(super) outside: [u32; SIDE],
    pub(super) weights: *const u8,
    /// Bytes from a tap's weights to the next tap's.
    pub(super) tap: usize,
    pub(super) bias: *const i32,
    pub(super) multipliers: *const i32,
    pub(super) out: *const Cell<u8>,
    /// Bytes from a pixel to the next.
    pub(super) pixel: usize,
    /// Channels left.
    pub(super) channels: usize,
    pub(super) zero: i32,
    pub(super) lo: i32,
    pub(super) hi: i32,
    /// The first pixel's first column is in the padding.
    pub(super) left: u32,
    /// Bytes from the first result to behind the last whose third column is in the row.
    pub(super) inner: usize,
    /// The last pixel's third column is in the padding.
    pub(super) right: u32,
    /// Sums are larger by so many bits.
    pub(super) up: u32,
}

/// Macros of the assembler, and everything of a channel before its first pixel: the task's pointers are then the next
/// channel's. Registers: three columns of inputs from the top in t0 to t2, t3 to t5, and t6, ra, a0; weights in s0 to s8,
/// bias s9, multiplier s10, limits s11 and a7; rows a1 to a3, bytes of a pixel a4, result a5, end of the inner ones a6.
macro_rules! begin {
    () => {
        concat!(
            extensions!(),
            save!(),
            r"
            .macro column a, b, c
                lb \a, 0(a1)
                lb \b, 0(a2)
                lb \c, 0(a3)
                add a1, a1, a4
                add a2, a2, a4
                add a3, a3, a4
            .endm
            .macro move to_a, to_b, to_c, a, b, c
                mv \to_a, \a
                mv \to_b, \b
                mv \to_c, \c
            .endm
            .macro result a, b, c, d, e, f, g, h, i
                mul \a, \a, s0
                mul \b, \b, s3
                mul \c, \c, s6
                add \a, \a, s9
                add \a, \a, \b
                mul \b, \d, s1
                add \a, \a, \c
                mul \c, \e, s4
                add \a, \a, \b
                mul \b, \f, s7
                add \a, \a, \c
                mul \c, \g, s2
                add \a, \a, \b
                mul \b, \h, s5
                add \a, \a, \c
                mul \c, \i, s8
                add \a, \a, \b
                add \a, \a, \c
                mulh \a, \a, s10
                bge \a, s11, 8f
                mv \a, s11
            8:
                ble \a, a7, 9f
                mv \a, a7
            9:
                sb \a, 0(a5)
                add a5, a5, a4
            .endm
            .macro padded flag, a, b, c
                lw t0, \flag(a0)
                beqz t0, 8f
                add t0, \a, \b
                add t0, t0, \c
                lw t1, 52(a0)
                mul t0, t0, t1
                add s9, s9, t0
                li \a, 0
                li \b, 0
                li \c, 0
            8:
            .endm
            1:
                lw a1, 0(a0)
                lw a2, 4(a0)
                lw a3, 8(a0)
                addi t0, a1, 1
                addi t1, a2, 1
                addi t2, a3, 1
                sw t0, 0(a0)
                sw t1, 4(a0)
                sw t2, 8(a0)
                lw t3, 24(a0)
                lw t4, 28(a0)
                lw t5, 76(a0)
                addi t0, t3, 1
                sw t0, 24(a0)
            .irp weight, s0, s1, s2, s3, s4, s5, s6, s7, s8
                lb \weight, 0(t3)
                add t3, t3, t4
                sll \weight, \weight, t5
            .endr
                lw t0, 32(a0)
                lw t1, 36(a0)
                lw s9, 0(t0)
                lw s10, 0(t1)
                addi t0, t0, 4
                addi t1, t1, 4
                sw t0, 32(a0)
                sw t1, 36(a0)
                sll s9, s9, t5
                padded 12, s0, s1, s2
                padded 16, s3, s4, s5
                padded 20, s6, s7, s8
                lw a4, 44(a0)
                lw a5, 40(a0)
                lw a6, 68(a0)
                lw s11, 56(a0)
                lw a7, 60(a0)
                addi t0, a5, 1
                sw t0, 40(a0)
                add a6, a6, a5
                lw t0, 64(a0)
                beqz t0, 2f
                lw t0, 52(a0)
                mv t1, t0
                mv t2, t0
                j 3f
            2:
                column t0, t1, t2
            3:
            ",
        )
    };
}

/// The last pixel, whose third column is in the padding, and the next channel.
macro_rules! finish {
    () => {
        concat!(
            r"
                lw a0, 52(sp)
                lw t6, 72(a0)
                beqz t6, 7f
                lw t6, 52(a0)
                mv ra, t6
                mv a0, t6
                result t0, t1, t2, t3, t4, t5, t6, ra, a0
            7:
                lw a0, 52(sp)
                lw t0, 48(a0)
                addi t0, t0, -1
                sw t0, 48(a0)
                bnez t0, 1b
            .purgem column
            .purgem move
            .purgem result
            .purgem padded
            ",
            give_back!(),
        )
    };
}

/// # Safety
/// The rows, weights, biases, multipliers and results of the task's channels must be there, as its pixels need them, and
/// it must have a channel.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn stride_1(task: *mut Task) {
    naked_asm!(
        begin!(),
        r"
            column t3, t4, t5
            beq a5, a6, 6f
        4:
            column t6, ra, a0
            result t0, t1, t2, t3, t4, t5, t6, ra, a0
            bne a5, a6, 5f
            move t0, t1, t2, t3, t4, t5
            move t3, t4, t5, t6, ra, a0
            j 6f
        5:
            column t0, t1, t2
            result t3, t4, t5, t6, ra, a0, t0, t1, t2
            bne a5, a6, 5f
            move t3, t4, t5, t0, t1, t2
            move t0, t1, t2, t6, ra, a0
            j 6f
        5:
            column t3, t4, t5
            result t6, ra, a0, t0, t1, t2, t3, t4, t5
            bne a5, a6, 4b
        6:
        ",
        finish!(),
    )
}

/// # Safety
/// As for [`stride_1`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn stride_2(task: *mut Task) {
    naked_asm!(
        begin!(),
        r"
            beq a5, a6, 6f
        4:
            column t3, t4, t5
            column t6, ra, a0
            result t0, t1, t2, t3, t4, t5, t6, ra, a0
            bne a5, a6, 5f
            move t0, t1, t2, t6, ra, a0
            j 6f
        5:
            column t0, t1, t2
            column t3, t4, t5
            result t6, ra, a0, t0, t1, t2, t3, t4, t5
            bne a5, a6, 5f
            move t0, t1, t2, t3, t4, t5
            j 6f
        5:
            column t6, ra, a0
            column t0, t1, t2
            result t3, t4, t5, t6, ra, a0, t0, t1, t2
            bne a5, a6, 4b
        6:
            lw t6, 52(sp)
            lw t6, 72(t6)
            beqz t6, 6f
            column t3, t4, t5
        6:
        ",
        finish!(),
    )
}
