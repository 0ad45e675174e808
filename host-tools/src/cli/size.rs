//! `sparrowhawk size`: what the linked firmware takes.

use std::path::{Path, PathBuf};

use clap::Args;

use super::CommandError;
use super::model_file::ModelFile;
use crate::{
    audit::{self, Budgets},
    board::Board,
};

/// Show flash and RAM of the linked firmware by section, crate and function.
#[derive(Clone, Debug, Args)]
pub struct SizeArgs {
    /// Boards whose firmware is measured [default: microbit and mps2-an386; with a model mps2-an386]
    #[arg(long, value_name = "NAME")]
    board: Vec<String>,
    /// Measure firmware that links only what this model needs
    #[arg(long, value_name = "MODEL.hawk")]
    model: Option<PathBuf>,
    /// Hold such firmware against the limits of this file
    #[arg(long, value_name = "BUDGET.toml", conflicts_with_all = ["board", "model"])]
    budget: Option<PathBuf>,
}

/// Prints every board's sizes; false where a budget is exceeded.
///
/// # Errors
/// Whatever kept a board from being measured.
pub fn size(args: &SizeArgs) -> Result<bool, CommandError> {
    if let Some(path) = &args.budget {
        return budget(path);
    }
    let boards = |default: &[&'static str]| match args.board.as_slice() {
        [] => default.iter().map(|name| Board::find(name)).collect::<Result<Vec<_>, _>>(),
        names => names.iter().map(|name| Board::find(name)).collect(),
    };
    match &args.model {
        Some(path) => {
            let file = ModelFile::read(path)?;
            let model = file.model()?;
            for board in boards(&["mps2-an386"])? {
                let needs = audit::needs(&model, board);
                print!("{}", audit::product_size(board, Some(path), &needs)?);
            }
        }
        None => {
            for board in boards(&["microbit", "mps2-an386"])? {
                print!("{}", audit::size(board)?);
            }
        }
    }
    Ok(true)
}

fn budget(path: &Path) -> Result<bool, CommandError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CommandError::Read { path: path.to_owned(), source })?;
    let budgets: Budgets =
        toml::from_str(&text).map_err(|source| CommandError::Budget { path: path.to_owned(), source })?;
    let mut kept = true;
    for (budget, size) in audit::against(&budgets)? {
        let verdict = if size.engine_bytes <= budget.bytes { "kept" } else { "EXCEEDED" };
        kept &= size.engine_bytes <= budget.bytes;
        println!(
            "{} on {}: {} of {} bytes, {verdict}",
            budget.name, budget.board, size.engine_bytes, budget.bytes
        );
    }
    Ok(kept)
}
