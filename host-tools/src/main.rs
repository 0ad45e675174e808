//! The command line of the host tools.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use host_tools::cli::{audit, size};

#[derive(Parser)]
#[command(name = "sparrowhawk", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(audit::AuditArgs),
    Size(size::SizeArgs),
}

fn main() -> ExitCode {
    let passed = match &Cli::parse().command {
        Command::Audit(args) => audit::audit(args),
        Command::Size(args) => size::size(args).map(|()| true),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("sparrowhawk: {error}");
            ExitCode::from(2)
        }
    }
}
