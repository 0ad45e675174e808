//! `sparrowhawk size`: what the linked firmware takes.

use clap::Args;

use crate::{
    audit::{self, AuditError},
    board::Board,
};

/// Show flash and RAM of the linked firmware by section, crate and function.
#[derive(Clone, Debug, Args)]
pub struct SizeArgs {
    /// Boards whose firmware is measured.
    #[arg(long, value_name = "NAME", default_values = ["microbit", "mps2-an386"])]
    board: Vec<String>,
}

/// Prints every board's sizes.
///
/// # Errors
/// Whatever kept a board from being measured.
pub fn size(args: &SizeArgs) -> Result<(), AuditError> {
    for name in &args.board {
        print!("{}", audit::size(Board::find(name)?)?);
    }
    Ok(())
}
