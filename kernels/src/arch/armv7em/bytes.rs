//! Runs of bytes: one loop each for all kernels, a word at a time where the core takes words from anywhere.

use core::cell::Cell;

use crate::numerics::Clamp;

/// Stores four bytes.
#[inline(always)]
pub(super) fn store(out: &[Cell<u8>; 4], word: u32) {
    for (cell, byte) in out.iter().zip(word.to_le_bytes()) {
        cell.set(byte);
    }
}

/// The whole words of bytes that may start anywhere.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) fn aligned(bytes: &[Cell<u8>]) -> &[Cell<u32>] {
    // SAFETY: `Cell<u8>` and `Cell<u32>` are their contents in memory, any four bytes are a word, and cells may alias.
    unsafe { bytes.align_to().1 }
}

/// Limits signed bytes.
#[inline(never)]
pub(crate) fn clamp_bytes(bytes: &[Cell<u8>], clamp: Clamp) {
    if (clamp.lo, clamp.hi) != (-128, 127) {
        imp::limit(bytes, clamp);
    }
}

pub(super) use imp::{copy, fill, fill_words};

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use crate::numerics::Clamp;

    /// Copies as many bytes as both have; they do not overlap.
    pub(in super::super) fn copy(source: &[Cell<u8>], out: &[Cell<u8>]) {
        for (source, out) in source.iter().zip(out) {
            out.set(source.get());
        }
    }

    /// Sets all bytes.
    pub(in super::super) fn fill(out: &[Cell<u8>], value: u8) {
        out.iter().for_each(|byte| byte.set(value));
    }

    /// Sets all words.
    pub(in super::super) fn fill_words(out: &[Cell<u32>], value: u32) {
        out.iter().for_each(|word| word.set(value));
    }

    #[inline(always)]
    pub(super) fn limit(bytes: &[Cell<u8>], clamp: Clamp) {
        for byte in bytes {
            byte.set(clamp.apply(i32::from(byte.get() as i8)) as u8);
        }
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;
    use core::cell::Cell;

    use crate::numerics::Clamp;

    /// # Safety
    /// `count` bytes must lie at `source` and at `out`.
    #[unsafe(naked)]
    unsafe extern "C" fn copy_bytes(source: *const Cell<u8>, out: *const Cell<u8>, count: usize) {
        naked_asm!(
            "subs r2, #4",
            "blo 2f",
            "1:",
            "ldr r3, [r0], #4",
            "str r3, [r1], #4",
            "subs r2, #4",
            "bhs 1b",
            "2:",
            "adds r2, #4",
            "beq 4f",
            "3:",
            "ldrb r3, [r0], #1",
            "strb r3, [r1], #1",
            "subs r2, #1",
            "bne 3b",
            "4:",
            "bx lr",
        )
    }

    /// # Safety
    /// `count` bytes must lie at `out`.
    #[unsafe(naked)]
    unsafe extern "C" fn fill_bytes(out: *const Cell<u8>, word: u32, count: usize) {
        naked_asm!(
            "subs r2, #4",
            "blo 2f",
            "1:",
            "str r1, [r0], #4",
            "subs r2, #4",
            "bhs 1b",
            "2:",
            "adds r2, #4",
            "beq 4f",
            "3:",
            "strb r1, [r0], #1",
            "subs r2, #1",
            "bne 3b",
            "4:",
            "bx lr",
        )
    }

    /// The bytes of r4 between those of r2 and r3.
    macro_rules! between {
        () => {
            "ssub8 r12, r4, r2\n sel r4, r4, r2\n ssub8 r12, r3, r4\n sel r4, r4, r3\n"
        };
    }

    /// # Safety
    /// `count` bytes must lie at `bytes`.
    #[unsafe(naked)]
    unsafe extern "C" fn limit_bytes(bytes: *const Cell<u8>, count: usize, lo: u32, hi: u32) {
        naked_asm!(
            core_with_dsp!(),
            "push {{r4, lr}}",
            "subs r1, #4",
            "blo 2f",
            "1:",
            "ldr r4, [r0]",
            between!(),
            "str r4, [r0], #4",
            "subs r1, #4",
            "bhs 1b",
            "2:",
            "adds r1, #4",
            "beq 4f",
            "3:",
            "ldrb r4, [r0]",
            between!(),
            "strb r4, [r0], #1",
            "subs r1, #1",
            "bne 3b",
            "4:",
            "pop {{r4, pc}}",
        )
    }

    /// A byte four times.
    fn four(byte: u8) -> u32 {
        u32::from(byte) * 0x0101_0101
    }

    /// Copies as many bytes as both have; they do not overlap.
    #[inline(always)]
    pub(in super::super) fn copy(source: &[Cell<u8>], out: &[Cell<u8>]) {
        // SAFETY: both have so many bytes, and those written are cells.
        unsafe { copy_bytes(source.as_ptr(), out.as_ptr(), source.len().min(out.len())) }
    }

    /// Sets all bytes.
    #[inline(always)]
    pub(in super::super) fn fill(out: &[Cell<u8>], value: u8) {
        // SAFETY: `out` has so many bytes, all cells.
        unsafe { fill_bytes(out.as_ptr(), four(value), out.len()) }
    }

    /// Sets all words.
    #[inline(always)]
    pub(in super::super) fn fill_words(out: &[Cell<u32>], value: u32) {
        // SAFETY: `out` has so many words of four bytes, all cells.
        unsafe { fill_bytes(out.as_ptr().cast(), value, 4 * out.len()) }
    }

    #[inline(always)]
    pub(super) fn limit(bytes: &[Cell<u8>], clamp: Clamp) {
        // SAFETY: there are so many bytes, all cells.
        unsafe { limit_bytes(bytes.as_ptr(), bytes.len(), four(clamp.lo as u8), four(clamp.hi as u8)) }
    }
}
