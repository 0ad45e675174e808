//! Runs of bytes by loops with a predicated tail: the last vector touches no byte too many.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

/// # Safety
/// `rows` pieces of `bytes` bytes must be readable `pitch` apart, and as many in a row writable.
#[unsafe(naked)]
unsafe extern "C" fn gather_rows(
    source: *const Cell<u8>,
    out: *const Cell<u8>,
    bytes: usize,
    rows: usize,
    pitch: usize,
) {
    naked_asm!(
        core_with_mve!(),
        "push {{r4, r5, r7, lr}}",
        "ldr r12, [sp, #16]",
        "2:",
        "mov r4, r0",
        "mov r5, r1",
        "wlstp.8 lr, r2, 4f",
        "3:",
        "vldrb.8 q0, [r4], #16",
        "vstrb.8 q0, [r5], #16",
        "letp lr, 3b",
        "4:",
        "add r0, r12",
        "add r1, r2",
        "subs r3, #1",
        "bne 2b",
        "pop {{r4, r5, r7, pc}}",
    )
}

/// # Safety
/// `count` bytes must be writable.
#[unsafe(naked)]
unsafe extern "C" fn fill_bytes(out: *const Cell<u8>, count: usize, value: u32) {
    naked_asm!(
        core_with_mve!(),
        "push {{r7, lr}}",
        "vdup.8 q0, r2",
        "wlstp.8 lr, r1, 3f",
        "2:",
        "vstrb.8 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}

/// # Safety
/// `count` bytes must be readable and twice as many writable.
#[unsafe(naked)]
unsafe extern "C" fn unpack_nibbles(nibbles: *const Cell<u8>, out: *const Cell<u8>, count: usize) {
    naked_asm!(
        core_with_mve!(),
        "push {{r7, lr}}",
        "vmov.i8 q2, #0x0f",
        "wlstp.16 lr, r2, 3f",
        "2:",
        "vldrb.u16 q0, [r0], #8",
        "vshl.i16 q1, q0, #4",
        "vorr q0, q0, q1",
        "vand q0, q0, q2",
        "vstrb.8 q0, [r1], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}

#[inline(always)]
pub(super) fn gather(source: &[Cell<u8>], pitch: usize, rows: usize, bytes: usize, out: &[Cell<u8>]) {
    // SAFETY: the caller has compared both slices with what is read and written; cells may be written.
    unsafe { gather_rows(source.as_ptr(), out.as_ptr(), bytes, rows, pitch) }
}

#[inline(always)]
pub(super) fn fill(out: &[Cell<u8>], value: u8) {
    // SAFETY: exactly the slice's cells are written.
    unsafe { fill_bytes(out.as_ptr(), out.len(), u32::from(value)) }
}

#[inline(always)]
pub(super) fn unpack(nibbles: &[Cell<u8>], out: &[Cell<u8>]) {
    // SAFETY: the caller has seen that `out` holds two bytes for each of `nibbles`.
    unsafe { unpack_nibbles(nibbles.as_ptr(), out.as_ptr(), nibbles.len()) }
}
