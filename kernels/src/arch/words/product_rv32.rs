//! Products on RV32IM: one multiplication by the word `b * 2^16 + a` makes the products of a weight with two inputs.
//!
//! Products are added up in a word as long as their lower sum keeps to its 16 bits. `lower` takes the word as it is,
//! `upper` its upper half without what the lower half's sign took from it: in the end it is the sum of `b`, and the sum
//! of `a` is the rest of `lower`.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::column::PIXELS;
use super::product::ROWS;
use super::rv32::{extensions, give_back, save};
use crate::WeightBits;

pub(super) use super::dense_rv32::dense;

/// Sums of two pixels with four rows.
#[repr(C)]
#[derive(Default)]
struct Sums {
    lower: [u32; ROWS],
    upper: [i32; ROWS],
}

/// Macros of the assembler. Registers: a0 words, a1 to a4 rows, a5 end of the words that whole rounds take, a6 end of all,
/// a7 end of a chunk; s0 to s3 lower and s4 to s7 upper sums, s8 to s11 words of products, t0 to t3 words of inputs, ra
/// what an upper half is rounded with.
macro_rules! begin {
    ($round:literal) => {
        concat!(
            extensions!(),
            save!(),
            r"
            .irp sum, s0, s1, s2, s3, s4, s5, s6, s7
                li \sum, 0
            .endr
            .macro rows one
                \one a1, s0, s4, s8
                \one a2, s1, s5, s9
                \one a3, s2, s6, s10
                \one a4, s3, s7, s11
            .endm
            .macro inputs
                lw t0, 0(a0)
                lw t1, 4(a0)
                lw t2, 8(a0)
                lw t3, 12(a0)
                addi a0, a0, 16
            .endm
            .macro fold row, lower, upper, word
                add \lower, \lower, \word
                add \word, \word, ra
                srai \word, \word, 16
                add \upper, \upper, \word
            .endm
            .macro fresh
                li s8, 0
                li s9, 0
                li s10, 0
                li s11, 0
            .endm
            li ra, ",
            $round,
            "\n"
        )
    };
}
macro_rules! finish {
    () => {
        concat!(
            r"
            lw a7, 56(sp)
            sw s0, 0(a7)
            sw s1, 4(a7)
            sw s2, 8(a7)
            sw s3, 12(a7)
            sw s4, 16(a7)
            sw s5, 20(a7)
            sw s6, 24(a7)
            sw s7, 28(a7)
            .purgem rows
            .purgem inputs
            .purgem fold
            .purgem fresh
            ",
            give_back!(),
        )
    };
}

/// Four rows meet words by what lies between [`begin`] and [`finish`].
macro_rules! rows {
    ($(#[$doc:meta])* $name:ident, $round:literal, $loops:literal) => {
        $(#[$doc])*
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            words: *const Cell<u32>,
            a: *const u8,
            b: *const u8,
            c: *const u8,
            d: *const u8,
            rounds: *const Cell<u32>,
            end: *const Cell<u32>,
            sums: *mut Sums,
        ) {
            naked_asm!(begin!($round), $loops, finish!())
        }
    };
}

rows! {
    /// Two products of bytes are from -32512 to 32768; 1 is taken from an upper half, so that 32768 has a place in it.
    ///
    /// # Safety
    /// Words up to both ends, the first after whole rounds, and the weights of four rows that meet them must be readable.
    rows_8,
    "0x7fff - 0x10000",
    r"
        .macro four_bytes row, lower, upper, word
            lb t4, 0(\row)
            lb t5, 1(\row)
            lb t6, 2(\row)
            lb \word, 3(\row)
            mul t4, t4, t0
            mul t5, t5, t1
            mul t6, t6, t2
            mul \word, \word, t3
            addi \row, \row, 4
            add t4, t4, t5
            add t6, t6, \word
            fold \row, \lower, \upper, t4
            fold \row, \lower, \upper, t6
        .endm
        .macro one_byte row, lower, upper, word
            lb \word, 0(\row)
            addi \row, \row, 1
            mul \word, \word, t0
            fold \row, \lower, \upper, \word
        .endm
            beq a0, a5, 3f
        2:
            inputs
            rows four_bytes
            bne a0, a5, 2b
        3:
            beq a0, a6, 5f
        4:
            lw t0, 0(a0)
            addi a0, a0, 4
            rows one_byte
            bne a0, a6, 4b
        5:
        .purgem four_bytes
        .purgem one_byte
        "
}

rows! {
    /// As [`rows_8`] for weights of 4 bits, two bytes a round: 28 products in a word, which are at most 28672. The lower
    /// weight of a byte, times 2^28, meets its word times 2^4 in the high word of a product.
    ///
    /// # Safety
    /// As for [`rows_8`].
    rows_4,
    "0x7fff",
    r"
        .macro nibbles row, at, word, even, odd
            lb t4, \at(\row)
            slli t5, t4, 28
            srai t4, t4, 4
            mulh t5, t5, \even
            mul t4, t4, \odd
            add \word, \word, t5
            add \word, \word, t4
        .endm
        .macro two_bytes row, lower, upper, word
            nibbles \row, 0, \word, t0, t1
            nibbles \row, 1, \word, t2, t3
            addi \row, \row, 2
        .endm
        .macro one_byte row, lower, upper, word
            nibbles \row, 0, \word, t0, t1
        .endm
        2:
            fresh
            beq a0, a5, 5f
            addi a7, a0, 4 * 28
            bleu a7, a5, 3f
            mv a7, a5
        3:
            inputs
            slli t0, t0, 4
            slli t2, t2, 4
            rows two_bytes
            bne a0, a7, 3b
            rows fold
            j 2b
        5:
            beq a0, a6, 6f
            lw t0, 0(a0)
            lw t1, 4(a0)
            slli t0, t0, 4
            rows one_byte
            rows fold
        6:
        .purgem nibbles
        .purgem two_bytes
        .purgem one_byte
        "
}

rows! {
    /// As [`rows_8`] for weights of 2 bits, a byte a round: 112 products in a word, which are at most 28672. The lowest weight
    /// of a byte meets its word as in [`rows_4`].
    ///
    /// # Safety
    /// As for [`rows_8`].
    rows_2,
    "0x7fff",
    r"
        .macro one_byte row, lower, upper, word
            lb t4, 0(\row)
            addi \row, \row, 1
            slli t5, t4, 30
            slli t6, t4, 28
            mulh t5, t5, t0
            srai t6, t6, 30
            mul t6, t6, t1
            add \word, \word, t5
            slli t5, t4, 26
            srai t5, t5, 30
            srai t4, t4, 6
            mul t5, t5, t2
            mul t4, t4, t3
            add \word, \word, t6
            add \word, \word, t5
            add \word, \word, t4
        .endm
        2:
            fresh
            beq a0, a5, 5f
            addi a7, a0, 4 * 112
            bleu a7, a5, 3f
            mv a7, a5
        3:
            inputs
            slli t0, t0, 2
            rows one_byte
            bne a0, a7, 3b
            rows fold
            j 2b
        5:
        .purgem one_byte
        "
}

/// See [`super::product::strip`], which has compared the slices with the rows.
#[inline(always)]
pub(super) fn strip(
    words: &[Cell<u32>],
    weights: &[u8],
    stride: usize,
    bits: WeightBits,
    _row_bytes: usize,
) -> [[i32; ROWS]; PIXELS] {
    let row = |index: usize| weights.as_ptr().wrapping_add(index * stride);
    // A round takes four words. Upper sums of bytes are less by 1 for every word of products.
    let (rounds, rest) = (words.len() & !3, words.len() & 3);
    let less = if bits.linked() == WeightBits::W8 { (rounds >> 1) + rest } else { 0 };
    let range = words.as_ptr_range();
    let (start, end, rounds) = (range.start, range.end, range.start.wrapping_add(rounds));
    let mut sums = Sums::default();
    // SAFETY: `words` are those of whole bytes, four rows of which lie in `weights`. Whole rounds end at a multiple of
    // four words; behind it there are words of 8-bit weights, or two of 4 bits, and none of 2 bits.
    unsafe {
        match bits.linked() {
            WeightBits::W8 => rows_8(start, row(0), row(1), row(2), row(3), rounds, end, &mut sums),
            WeightBits::W4 => rows_4(start, row(0), row(1), row(2), row(3), rounds, end, &mut sums),
            WeightBits::W2 => rows_2(start, row(0), row(1), row(2), row(3), rounds, end, &mut sums),
        }
    }
    let mut result = [[0; ROWS]; PIXELS];
    let [first, second] = &mut result;
    for (((a, b), lower), upper) in first.iter_mut().zip(second).zip(sums.lower).zip(sums.upper) {
        *b = upper.wrapping_add(less as i32);
        *a = lower.wrapping_sub((*b as u32) << 16) as i32;
    }
    result
}
