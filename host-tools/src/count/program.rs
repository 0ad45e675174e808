//! The classes of a firmware's instructions by address, and what a region of counts costs with them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::disassembly::{Instruction, Program};
use crate::board::Isa;

use super::CountError;
use super::counts::{Block, instructions};
use super::cycles::{Class, block_cycles};

/// Symbol that separates regions.
pub(super) const MARKER: &str = "sparrowhawk_marker";

/// A disassembled firmware.
#[derive(Debug)]
pub(super) struct Code {
    /// Address of the marker.
    pub(super) marker: u32,
    /// Addresses and classes, in order; classes only where there is a rule for cycles.
    instructions: Vec<(u32, Option<Class>)>,
    /// Whether there is one.
    has_cycles: bool,
}

/// What a region executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Instructions.
    pub instructions: u64,
    /// Estimated Cortex-M4 cycles; `None` for other instruction sets.
    pub cycles: Option<u64>,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self { instructions: 0, cycles: Some(0) }, |sum, cost| Self {
            instructions: sum.instructions + cost.instructions,
            cycles: sum.cycles.zip(cost.cycles).map(|(sum, cycles)| sum + cycles),
        })
    }
}

impl Code {
    /// Disassembles a linked file.
    ///
    /// # Errors
    /// No disassembler, or no marker in the file.
    pub(super) fn read(firmware: &Path) -> Result<Self, CountError> {
        Self::of(&Program::read(firmware)?)
    }

    /// The classes of a disassembly.
    ///
    /// # Errors
    /// [`CountError::Counts`] where there is no marker.
    pub(super) fn of(program: &Program) -> Result<Self, CountError> {
        let marker = program.functions.iter().find(|function| function.symbol == MARKER);
        let marker = marker.ok_or_else(|| CountError::Counts(format!("the firmware has no {MARKER}")))?.start;
        let all = program.functions.iter().flat_map(|function| &function.instructions);
        let has_cycles = program.isa == Isa::Thumb;
        let class = |instruction: &Instruction| has_cycles.then(|| Class::of(instruction));
        let mut instructions: Vec<(u32, Option<Class>)> = all
            .filter(|instruction| !instruction.is_data())
            .map(|instruction| (instruction.address, class(instruction)))
            .collect();
        instructions.sort_by_key(|&(address, _)| address);
        instructions.dedup_by_key(|&mut (address, _)| address);
        Ok(Self { marker, instructions, has_cycles })
    }

    /// What a region executed.
    ///
    /// # Errors
    /// [`CountError::Counts`] where a block is not in this firmware.
    pub(super) fn cost(&self, region: &[Block]) -> Result<Cost, CountError> {
        let mut cycles = 0;
        for block in region {
            let from = self.instructions.partition_point(|&(address, _)| address < block.first);
            let to = self.instructions.partition_point(|&(address, _)| address < block.end);
            if (to - from) as u64 != block.instructions {
                let Block { first, end, instructions, .. } = block;
                return Err(CountError::Counts(format!(
                    "{instructions} instructions ran in {first:#x}..{end:#x}, the firmware has {} there",
                    to - from
                )));
            }
            let classes: Vec<Class> =
                self.instructions[from..to].iter().filter_map(|&(_, class)| class).collect();
            cycles += block_cycles(&classes, block.executions, block.left);
        }
        Ok(Cost { instructions: instructions(region), cycles: self.has_cycles.then_some(cycles) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00000100 <f>:\n 100:\t6800 \tldr\tr0, [r0, #0]\n 102:\t3801 \tsubs\tr0, #1\n \
                        104:\td1fc \tbne.n\t100 <f>\n 106:\t4770 \tbx\tlr\n 108:\t00000001 \t.word\t0x00000001\n\
                        00000200 <sparrowhawk_marker>:\n 200:\t4770 \tbx\tlr\n";

    #[test]
    fn a_loop_costs_its_instructions_and_taken_branches() {
        let code = Code::of(&Program::parse(Isa::Thumb, TEXT)).expect("has a marker");
        assert_eq!(code.marker, 0x200);
        let body = Block { first: 0x100, end: 0x106, instructions: 3, executions: 10, left: 9 };
        let back = Block { first: 0x106, end: 0x108, instructions: 1, executions: 1, left: 1 };
        assert_eq!(code.cost(&[body, back]).ok(), Some(Cost { instructions: 31, cycles: Some(40 + 9 + 3) }));
    }

    #[test]
    fn a_block_of_another_firmware_is_refused() {
        let code = Code::of(&Program::parse(Isa::Thumb, TEXT)).expect("has a marker");
        let wrong = Block { first: 0x100, end: 0x10c, instructions: 5, executions: 1, left: 1 };
        assert!(code.cost(&[wrong]).is_err());
        assert!(Code::of(&Program::parse(Isa::Thumb, "00000100 <f>:\n 100:\t4770 \tbx\tlr\n")).is_err());
    }

    #[test]
    fn risc_v_has_instructions_and_no_cycles() {
        let text = "00001000 <f>:\n 1000:\t0505 \tadd\ta0,a0,1\n 1002:\tfe051fe3 \tbnez\ta0,1000 <f>\n\
                    00002000 <sparrowhawk_marker>:\n 2000:\t8082 \tret\n";
        let code = Code::of(&Program::parse(Isa::RiscV, text)).expect("has a marker");
        let body = Block { first: 0x1000, end: 0x1006, instructions: 2, executions: 10, left: 9 };
        let cost = code.cost(&[body]).expect("is in the firmware");
        assert_eq!(cost, Cost { instructions: 20, cycles: None });
        assert_eq!([cost, Cost { instructions: 1, cycles: Some(1) }].into_iter().sum::<Cost>().cycles, None);
    }
}
