//! Requantisation of four accumulators at a time, with 64-bit products as two words.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::requantize::Accumulators;
use crate::op::Accumulate;

/// What the instructions find in their registers, r0 to r10.
#[repr(C)]
struct Task {
    sums: *const Cell<i32>,
    multipliers: *const i32,
    out: *const Cell<u8>,
    /// Null where there is none.
    residual: *const Cell<u8>,
    residual_multiplier: i32,
    lo: i32,
    hi: i32,
    /// Bytes between two blocks of sums.
    step: usize,
    /// By how much the high word goes left.
    high: i32,
    /// And the low word, always to the right: negative.
    low: i32,
    blocks: usize,
}

/// # Safety
/// The task's pointers must be valid for its blocks.
#[unsafe(naked)]
unsafe extern "C" fn requantize(task: *const Task) {
    naked_asm!(
        core_with_mve!(),
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldmia r0, {{r0-r10}}",
        "vdup.32 q5, r4",
        "vdup.32 q6, r5",
        "vdup.32 q7, r6",
        "movs r4, #1",
        "mov lr, r10",
        "2:",
        "vldrw.u32 q0, [r0]",
        "add r0, r7",
        "vldrw.u32 q1, [r1], #16",
        "vmulh.s32 q2, q0, q1",
        "vmul.i32 q3, q0, q1",
        "cbz r3, 3f",
        // The residual's product joins in 64 bits: the low words' sum carries where it is the smaller one.
        "vldrb.s32 q0, [r3], #4",
        "vmulh.s32 q1, q0, q5",
        "vmul.i32 q0, q0, q5",
        "vadd.i32 q2, q2, q1",
        "vadd.i32 q0, q0, q3",
        "vpt.u32 hi, q3, q0",
        "vaddt.i32 q2, q2, r4",
        "vmov q3, q0",
        "3:",
        "vqshl.s32 q2, r8",
        "vshl.u32 q3, r9",
        "vorr q2, q2, q3",
        "vmax.s32 q2, q2, q6",
        "vmin.s32 q2, q2, q7",
        "vstrb.32 q2, [r2], #4",
        "subs lr, #1",
        "bne 2b",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Blocks of one pixel; the caller has compared every slice with `blocks`.
#[inline(always)]
pub(super) fn blocks(
    accumulators: &Accumulators,
    accumulate: &Accumulate,
    multipliers: &[i32],
    residual: Option<&[Cell<u8>]>,
    out: &[Cell<u8>],
    blocks: usize,
) {
    let shift = i32::from(accumulate.shift);
    let first = accumulators.first;
    let task = Task {
        sums: accumulators.sums.as_ptr(),
        multipliers: multipliers.as_ptr(),
        out: out.as_ptr().wrapping_add(first),
        residual: residual.map_or(core::ptr::null(), |pixel| pixel.as_ptr().wrapping_add(first)),
        residual_multiplier: accumulate.residual_multiplier,
        lo: i32::from(accumulate.clamp.lo),
        hi: i32::from(accumulate.clamp.hi),
        step: if accumulators.apart { 32 } else { 16 },
        high: 32 - shift,
        low: -shift,
        blocks,
    };
    // SAFETY: the caller has seen that sums, multipliers, results and residual hold `blocks` blocks from `first` on.
    unsafe { requantize(&task) }
}
