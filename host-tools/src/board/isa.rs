//! Instruction sets of the boards, and the programs that emulate and disassemble them.

use object::Architecture;

use super::Board;

/// Instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isa {
    /// Thumb, as all Cortex-M cores have it.
    Thumb,
    /// RISC-V of 32 bits.
    RiscV,
}

impl Isa {
    /// That of a linked file; `None` for one that no board runs.
    pub fn of(architecture: Architecture) -> Option<Self> {
        match architecture {
            Architecture::Arm => Some(Self::Thumb),
            Architecture::Riscv32 => Some(Self::RiscV),
            _ => None,
        }
    }

    /// QEMU's program, and Debian's package with it.
    pub fn emulator(self) -> (&'static str, &'static str) {
        match self {
            Self::Thumb => ("qemu-system-arm", "qemu-system-arm"),
            Self::RiscV => ("qemu-system-riscv32", "qemu-system-misc"),
        }
    }

    /// Disassemblers to try, in order, and Debian's package with the first.
    pub fn disassemblers(self) -> ([&'static str; 2], &'static str) {
        match self {
            Self::Thumb => (["arm-none-eabi-objdump", "llvm-objdump"], "binutils-arm-none-eabi"),
            Self::RiscV => (["riscv64-unknown-elf-objdump", "llvm-objdump"], "binutils-riscv64-unknown-elf"),
        }
    }
}

impl Board {
    /// Its core's instruction set.
    pub fn isa(&self) -> Isa {
        if self.target.starts_with("riscv32") { Isa::RiscV } else { Isa::Thumb }
    }
}
