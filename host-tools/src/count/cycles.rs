//! The cycles of an Arm instruction on a Cortex-M4 with memory without wait states: an estimate for comparing
//! like with like.
//!
//! Every instruction takes 1 cycle, except: a load 2, but 1 right behind another single load or store of the same
//! block, where it does not write its base back; `LDRD` and `STRD` 3; `LDM`, `STM`, `PUSH`, `POP` 1 for each register
//! and 1 more; `SDIV`, `UDIV` 6; a taken branch 2; `BX`, `BLX` and moves to the program counter 3; `TBB`, `TBH` 4;
//! what loads the program counter 2 more. Vector instructions, which that core has not, take 2, as on a
//! Cortex-M55. An instruction that an IT block skips counts like one that runs.

use crate::audit::disassembly::Instruction;

/// What decides an instruction's cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// One cycle.
    Simple,
    /// Load of one register.
    Load {
        /// The base register changes too.
        write_back: bool,
        /// The program counter is loaded.
        jumps: bool,
    },
    /// Store of one register.
    Store,
    /// `LDRD`, `STRD`.
    Double,
    /// `LDM`, `STM`, `PUSH`, `POP`.
    Multiple {
        /// Registers.
        count: u32,
        /// The program counter is loaded.
        jumps: bool,
    },
    /// `SDIV`, `UDIV`.
    Division,
    /// Branch that is always taken: `B`, `BL`.
    Branch,
    /// Branch that may fall through.
    Conditional,
    /// `BX`, `BLX`, `MOV PC`, `ADD PC`.
    Indirect,
    /// `TBB`, `TBH`.
    Table,
    /// Helium.
    Vector,
}

/// Condition codes as mnemonics end with them.
const CONDITIONS: [&str; 16] =
    ["eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"];

/// `name`, or `name` under a condition.
fn is(mnemonic: &str, name: &str) -> bool {
    mnemonic.strip_prefix(name).is_some_and(|rest| rest.is_empty() || CONDITIONS.contains(&rest))
}

impl Class {
    /// The class of an instruction.
    pub(super) fn of(instruction: &Instruction) -> Self {
        let (mnemonic, operands) = (instruction.mnemonic.as_str(), instruction.operands.as_str());
        let any = |names: &[&str]| names.iter().any(|name| is(mnemonic, name));
        let starts = |names: &[&str]| names.iter().any(|name| mnemonic.starts_with(name));
        let writes_pc = instruction.first_register() == "pc";
        if any(&["ldrd", "strd"]) {
            Self::Double
        } else if starts(&["ldm", "stm"]) || any(&["push", "pop"]) {
            let (count, holds_pc) = registers(operands);
            Self::Multiple { count, jumps: holds_pc && !starts(&["stm", "push"]) }
        } else if mnemonic.starts_with("ldr") {
            Self::Load { write_back: operands.contains("]!") || operands.contains("],"), jumps: writes_pc }
        } else if mnemonic.starts_with("str") {
            Self::Store
        } else if any(&["sdiv", "udiv"]) {
            Self::Division
        } else if any(&["bx", "blx"]) || writes_pc && any(&["mov", "add"]) {
            Self::Indirect
        } else if mnemonic == "b" || is(mnemonic, "bl") {
            Self::Branch
        } else if is(mnemonic, "b") || any(&["cbz", "cbnz"]) {
            Self::Conditional
        } else if any(&["tbb", "tbh"]) {
            Self::Table
        } else if mnemonic.starts_with('v') {
            Self::Vector
        } else {
            Self::Simple
        }
    }

    /// Cycles behind an instruction of the same block; a conditional branch falls through.
    pub(super) fn cycles(self, before: Option<Self>) -> u64 {
        match self {
            Self::Simple | Self::Store | Self::Conditional => 1,
            Self::Load { jumps: true, .. } | Self::Table => 4,
            Self::Load { write_back: false, .. }
                if matches!(before, Some(Self::Load { .. } | Self::Store)) =>
            {
                1
            }
            Self::Load { .. } | Self::Branch | Self::Vector => 2,
            Self::Double | Self::Indirect => 3,
            Self::Multiple { count, jumps } => 1 + u64::from(count) + if jumps { 2 } else { 0 },
            Self::Division => 6,
        }
    }
}

/// Cycles of a block's executions, of which `left` did not fall through at its end.
pub(super) fn block_cycles(classes: &[Class], executions: u64, left: u64) -> u64 {
    let mut before = None;
    let mut once = 0;
    for &class in classes {
        once += class.cycles(before);
        before = Some(class);
    }
    let taken = if before == Some(Class::Conditional) { left } else { 0 };
    once * executions + taken
}

/// Number of registers in a list in braces, and whether the program counter is one.
fn registers(operands: &str) -> (u32, bool) {
    let list = operands.split(['{', '}']).nth(1).unwrap_or_default();
    let number = |register: &str| register.trim_start_matches('r').parse::<u32>().ok();
    let count = list.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let range = part.split_once('-').and_then(|(from, to)| Some(number(to)? + 1 - number(from)?));
        range.unwrap_or(1)
    });
    (count.sum(), list.split(',').any(|part| part.trim() == "pc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
        Class::of(&Instruction { address: 0, mnemonic: mnemonic.into(), operands: operands.into() })
    }

    /// Cycles of a block that runs once and falls through.
    fn once(block: &[&str]) -> u64 {
        block_cycles(&block.iter().map(|text| class(text)).collect::<Vec<_>>(), 1, 0)
    }

    #[test]
    fn most_instructions_take_one_cycle() {
        for text in [
            "add r0, r1",
            "smlad r0, r1, r2, r3",
            "smlal r0, r1, r2, r3",
            "smull r0, r1, r2, r3",
            "smmulr r0, r1, r2",
            "mul r0, r1, r2",
            "mla r0, r1, r2, r3",
            "ssat r0, #8, r1, asr #3",
            "sxtb16 r0, r1, ror #8",
            "bic r0, r1",
            "bfi r0, r1, #3, #4",
            "it ne",
            "mov r0, r1",
            "nop",
        ] {
            assert_eq!(class(text), Class::Simple, "{text}");
            assert_eq!(once(&[text]), 1, "{text}");
        }
    }

    #[test]
    fn a_load_takes_two_and_one_behind_a_load_or_store() {
        for load in ["ldr r0, [r1]", "ldrb r0, [r1, #1]", "ldrsheq r0, [r1, r2]", "ldr r0, [pc, #8]"] {
            assert_eq!(once(&[load]), 2, "{load}");
            assert_eq!(once(&["add r0, r1", load]), 3, "{load}");
            assert_eq!(once(&["ldr r3, [r4]", load]), 3, "{load}");
            assert_eq!(once(&["str r3, [r4], #4", load]), 2, "{load}");
            assert_eq!(once(&["ldrd r4, r5, [r6]", load]), 5, "{load}");
        }
    }

    #[test]
    fn a_load_with_write_back_never_overlaps() {
        for load in ["ldr r0, [r1], #4", "ldrb r0, [r1, #1]!"] {
            assert_eq!(once(&["ldr r3, [r4]", load]), 4, "{load}");
        }
    }

    #[test]
    fn a_store_takes_one() {
        for store in ["str r0, [r1]", "strb r0, [r1], #1", "strh r0, [r1, #2]!"] {
            assert_eq!(once(&[store]), 1, "{store}");
        }
    }

    #[test]
    fn doubles_take_three() {
        for double in ["ldrd r0, r1, [r2]", "strd r0, r1, [r2], #8", "ldrdne r0, r1, [r2]"] {
            assert_eq!(once(&[double]), 3, "{double}");
        }
    }

    #[test]
    fn multiples_take_one_more_than_registers() {
        assert_eq!(once(&["push {r4, r5, r7, lr}"]), 5);
        assert_eq!(once(&["stmia r0!, {r1, r2}"]), 3);
        assert_eq!(once(&["ldmdb r0, {r4-r7}"]), 5);
        assert_eq!(once(&["pop {r4, r5}"]), 3);
        assert_eq!(once(&["pop {r4, r5, pc}"]), 6);
        assert_eq!(once(&["ldmia sp!, {r4, pc}"]), 5);
    }

    #[test]
    fn divisions_take_six() {
        assert_eq!(once(&["sdiv r0, r1, r2"]) + once(&["udiv r0, r1, r2"]), 12);
    }

    #[test]
    fn branches_take_two_when_taken() {
        for branch in ["b 100 <f>", "bl 100 <f>", "bleq 100 <f>"] {
            assert_eq!(once(&[branch]), 2, "{branch}");
        }
        for branch in
            ["beq 100 <f>", "bne 100 <f>", "blt 100 <f>", "ble 100 <f>", "bls 100 <f>", "cbz r0, 100 <f>"]
        {
            assert_eq!(class(branch), Class::Conditional, "{branch}");
            assert_eq!(block_cycles(&[Class::Simple, class(branch)], 10, 7), 27, "{branch}");
        }
        assert_eq!(block_cycles(&[Class::Simple, Class::Branch], 10, 10), 30);
    }

    #[test]
    fn jumps_through_registers_take_three() {
        for jump in ["bx lr", "blx r3", "bxeq lr", "mov pc, lr", "add pc, r1"] {
            assert_eq!(once(&[jump]), 3, "{jump}");
        }
        assert_eq!(once(&["tbb [pc, r0]"]), 4);
        assert_eq!(once(&["tbh [pc, r0, lsl #1]"]), 4);
        assert_eq!(once(&["ldr pc, [r0]"]), 4);
    }

    #[test]
    fn vectors_take_two() {
        assert_eq!(once(&["vldrb.s8 q0, [r0]", "vmladavas8 r0, q0, q1"]), 4);
    }
}
