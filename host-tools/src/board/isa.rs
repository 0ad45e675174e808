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

/// A program that disassembles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disassembler {
    /// Its name.
    pub program: &'static str,
    /// What it needs to be told about the core.
    pub options: &'static [&'static str],
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

    /// Disassemblers to try, in order.
    pub fn disassemblers(self) -> [Disassembler; 2] {
        match self {
            // Helium is not known from the file alone; instructions that both architectures have read the same.
            Self::Thumb => [
                Disassembler { program: "arm-none-eabi-objdump", options: &["-m", "armv8.1-m.main"] },
                Disassembler { program: "llvm-objdump", options: &["--mattr=+mve"] },
            ],
            Self::RiscV => [
                Disassembler { program: "riscv64-unknown-elf-objdump", options: &[] },
                Disassembler { program: "llvm-objdump", options: &[] },
            ],
        }
    }

    /// Debian's package with the first disassembler.
    pub fn binutils(self) -> &'static str {
        match self {
            Self::Thumb => "binutils-arm-none-eabi",
            Self::RiscV => "binutils-riscv64-unknown-elf",
        }
    }
}

impl Board {
    /// Its core's instruction set.
    pub fn isa(&self) -> Isa {
        if self.target.starts_with("riscv32") { Isa::RiscV } else { Isa::Thumb }
    }
}
