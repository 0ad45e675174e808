//! From reset to the program's `main`: statics and stack are as they have to be, and every word of the stack is
//! painted. A program links this by naming it, and defines `main`.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv32.rs")]
mod arch;

pub use arch::{STACK_PAINT, stack_pointer};
