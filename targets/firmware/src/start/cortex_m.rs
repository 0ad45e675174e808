//! Cortex-M: `cortex-m-rt` does it.

use core::arch::asm;

/// What every word of the stack holds at first.
pub const STACK_PAINT: u32 = cortex_m_rt::STACK_PAINT_VALUE;

/// The stack pointer of the caller, if inlined.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let top;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack, preserves_flags)) };
    top
}
