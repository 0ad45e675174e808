//! Widening of a dense layer's column by instructions: eight inputs a step.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

/// Four inputs.
macro_rules! four {
    () => {
        "ldr r4, [r0], #4
         sxtb16 r5, r4, ror #8
         sxtb16 r4, r4
         smlad r12, r4, r5, r12
         smlad r3, r4, r6, r3
         smlad r3, r5, r6, r3
         stmia r2!, {{r4, r5}}\n"
    };
}

/// The sum of `e * o` in the low word, that of all inputs in the high one.
///
/// # Safety
/// Bytes from `source` to `end`, a multiple of eight and not 0, and two bytes behind `out` for each of them must be there.
#[unsafe(naked)]
unsafe extern "C" fn column_8(source: *const Cell<u8>, end: *const Cell<u8>, out: *const Cell<u32>) -> u64 {
    naked_asm!(
        core_with_dsp!(),
        "push {{r4-r6, lr}}",
        "mov r6, #0x00010001",
        "mov r12, #0",
        "mov r3, #0",
        "2:",
        four!(),
        four!(),
        "cmp r0, r1",
        "bne 2b",
        "mov r0, r12",
        "mov r1, r3",
        "pop {{r4-r6, pc}}",
    )
}

/// `e` and `o`; the sums of `e * o`, and of all inputs. What does not fit is left.
#[inline(always)]
pub(super) fn column(source: &[Cell<u8>], out: &[Cell<u32>]) -> [i32; 2] {
    let whole = source.len() & !7;
    if whole == 0 || whole >> 1 > out.len() {
        return [0; 2];
    }
    // SAFETY: `whole` bytes, a multiple of eight and not 0, are in `source`, and half as many words in `out`.
    let sums = unsafe { column_8(source.as_ptr(), source.as_ptr().wrapping_add(whole), out.as_ptr()) };
    [sums as i32, (sums >> 32) as i32]
}
