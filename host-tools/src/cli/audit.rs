//! `sparrowhawk audit`: holds the linked firmware against the rules.

use clap::Args;

use crate::{
    audit::{AuditError, audit_board},
    board::Board,
};

/// Check that inference in the linked firmware has no float, no division and no panic.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// Boards whose firmware is audited.
    #[arg(long, value_name = "NAME", default_values = ["microbit", "mps2-an386", "mps3-an547", "virt-rv32imc"])]
    board: Vec<String>,
}

/// Prints every board's result; false where anything was found.
///
/// # Errors
/// Whatever kept a board from being audited.
pub fn audit(args: &AuditArgs) -> Result<bool, AuditError> {
    let mut passed = true;
    for name in &args.board {
        let audit = audit_board(Board::find(name)?)?;
        print!("{audit}");
        passed &= audit.passed();
    }
    Ok(passed)
}
