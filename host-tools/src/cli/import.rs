//! `sparrowhawk import`: what the importer makes of a network.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;
use crate::import::{check_report, import as import_file};

/// Show what the importer makes of a network, or every reason why it cannot.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// Float network, an ONNX file
    model: PathBuf,
    /// Only check; the same table without the log of what was folded and moved
    #[arg(long)]
    check: bool,
}

/// Prints the table of nodes and the log.
///
/// # Errors
/// [`CommandError::Import`] with every problem at once.
pub fn import(args: &ImportArgs) -> Result<bool, CommandError> {
    let result = import_file(&args.model);
    let report = check_report(&args.model, &result);
    match result {
        Err(_) => Err(CommandError::Import(report.trim_end().to_owned())),
        Ok(imported) => {
            print!("{report}");
            if !args.check {
                imported.log.iter().for_each(|line| println!("{line}"));
            }
            Ok(true)
        }
    }
}
