//! Audit of the linked firmware: what inference can reach must be integer arithmetic that cannot panic.
//!
//! The firmware is disassembled, the call graph followed from the entry symbols, and every reachable
//! instruction and function held against [`Rule`]. Only what was linked counts; sources are not consulted,
//! except to prove by debug lines that a 64-bit multiplication is a requantisation.

mod calls;
pub mod disassembly;
mod error;
mod needs;
mod origin;
mod product;
mod report;
mod riscv;
mod rules;
mod size;

use std::path::Path;

pub use error::AuditError;
pub use needs::needs;
pub use product::{Budgets, ProductBudget, ProductSize, against, product_size};
pub use rules::Rule;
pub use size::{Group, Section, Size, size};

use crate::board::{self, Board};
use calls::Reach;
use disassembly::{Function, Program};
use origin::Origins;

/// A symbol from which reachability starts, and the rules that hold below it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name in the firmware.
    pub symbol: &'static str,
    /// What is forbidden.
    pub rules: &'static [Rule],
}

/// The entries of this firmware. Loading may divide and multiply; it may not panic or use a float.
pub const ENTRIES: [Entry; 2] = [
    Entry { symbol: "sparrowhawk_infer", rules: &Rule::ALL },
    Entry {
        symbol: "sparrowhawk_load",
        rules: &[Rule::FloatHelper, Rule::FloatInstruction, Rule::Panic, Rule::IndirectCall],
    },
];

/// Something reachable that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: Rule,
    /// Address of the instruction, or of the function where the function itself is forbidden.
    pub address: u32,
    /// The instruction, or the function's name.
    pub what: String,
    /// Functions from the entry to the place.
    pub path: Vec<String>,
    /// `file:line` of the place, innermost inlined function first.
    pub origin: Vec<String>,
}

/// The result for one entry.
#[derive(Clone, Debug)]
pub struct EntryAudit {
    /// The entry's symbol.
    pub symbol: &'static str,
    /// Reachable functions.
    pub functions: usize,
    /// Reachable instructions.
    pub instructions: usize,
    /// Bytes of reachable code, with the constants between instructions.
    pub code_bytes: u32,
    /// Reachable 64-bit multiplications, all proven to be requantisation where the rule holds.
    pub wide_multiplies: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// The result for one firmware.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Name of the board.
    pub board: String,
    /// One for each of [`ENTRIES`].
    pub entries: Vec<EntryAudit>,
}

impl Audit {
    /// Nothing was found.
    pub fn passed(&self) -> bool {
        self.entries.iter().all(|entry| entry.findings.is_empty())
    }
}

/// Builds the board's firmware and audits it.
///
/// # Errors
/// No firmware, no disassembler, or an entry that the firmware does not have. Findings are a result.
pub fn audit_board(board: &'static Board) -> Result<Audit, AuditError> {
    audit_elf(&board::build(board)?, board.name)
}

/// Audits linked firmware.
///
/// # Errors
/// As [`audit_board`].
pub fn audit_elf(firmware: &Path, name: &str) -> Result<Audit, AuditError> {
    let program = Program::read(firmware)?;
    let origins = Origins::open(firmware)?;
    let entries = ENTRIES.iter().map(|entry| audit_entry(&program, entry, &|at| origins.frames(at)));
    Ok(Audit { board: name.into(), entries: entries.collect::<Result<_, _>>()? })
}

fn audit_entry<'a>(
    program: &'a Program,
    entry: &Entry,
    frames: &dyn Fn(u32) -> Vec<String>,
) -> Result<EntryAudit, AuditError> {
    let reach = Reach::from(program, entry.symbol).ok_or(AuditError::NoEntry { symbol: entry.symbol })?;
    let mut findings = rules::check(program, &reach, frames);
    findings.retain(|finding| entry.rules.contains(&finding.rule));
    let reached = || reach.functions().map(|index| (index, &program.functions[index]));
    let instructions = || {
        let code = |(index, function): (usize, &'a Function)| {
            let all = function.instructions.iter().enumerate().filter(|(_, one)| !one.is_data());
            all.map(move |(position, _)| (index, position))
        };
        reached().flat_map(code)
    };
    Ok(EntryAudit {
        symbol: entry.symbol,
        functions: reached().count(),
        instructions: instructions().count(),
        code_bytes: reached().map(|(_, function)| function.end - function.start).sum(),
        wide_multiplies: instructions()
            .filter(|&(index, position)| rules::is_wide_multiply(program, index, position))
            .count(),
        findings,
    })
}
