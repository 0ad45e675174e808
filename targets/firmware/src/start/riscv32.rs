//! RISC-V in machine mode, one hart, no interrupts. `riscv32.x` has the addresses.

use core::arch::{asm, global_asm};

/// What every word of the stack holds at first.
pub const STACK_PAINT: u32 = 0xcccc_cccc;

/// The stack pointer of the caller, if inlined.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let top;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, sp", out(reg) top, options(nomem, nostack, preserves_flags)) };
    top
}

// A trap goes to `trap(cause, address)` on a stack that is certainly there: it must not return.
global_asm!(
    ".section .init, \"ax\"",
    ".global _start",
    "_start:",
    "la t0, 5f",
    "csrw mtvec, t0",
    "la sp, _stack_start",
    "la t0, _stack_end",
    "li t1, {paint}",
    "1:",
    "sw t1, 0(t0)",
    "addi t0, t0, 4",
    "bltu t0, sp, 1b",
    "la t0, _data_start",
    "la t1, _data_end",
    "la t2, _data_load",
    "bgeu t0, t1, 3f",
    "2:",
    "lw t3, 0(t2)",
    "sw t3, 0(t0)",
    "addi t2, t2, 4",
    "addi t0, t0, 4",
    "bltu t0, t1, 2b",
    "3:",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "bgeu t0, t1, 6f",
    "4:",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "bltu t0, t1, 4b",
    "6:",
    "call main",
    ".balign 4",
    "5:",
    "csrr a0, mcause",
    "csrr a1, mepc",
    "la sp, _stack_start",
    "call trap",
    ".global default_trap",
    "default_trap:",
    "j default_trap",
    paint = const STACK_PAINT,
);
