//! The command line of the host tools.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use host_tools::cli::{
    CommandError, assign, audit, bisect, eval, import, inspect, quantize, run, sensitivity, size,
};
use host_tools::job::QuantizeArgs;

/// From a float ONNX network to one integer file for microcontrollers.
#[derive(Parser)]
#[command(name = "sparrowhawk", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an integer model file of a float network; without arguments the embedded digits job
    Quantize(Box<QuantizeArgs>),
    Import(import::ImportArgs),
    Eval(eval::EvalArgs),
    Inspect(inspect::InspectArgs),
    Run(run::RunArgs),
    Sensitivity(Box<sensitivity::SensitivityArgs>),
    Bisect(bisect::BisectArgs),
    Assign(Box<assign::AssignArgs>),
    Audit(audit::AuditArgs),
    Size(size::SizeArgs),
}

fn main() -> ExitCode {
    // `sparrowhawk inspect … | head` ends quietly.
    sigpipe::reset();
    let passed: Result<bool, CommandError> = match &Cli::parse().command {
        Command::Quantize(args) => quantize::quantize(args),
        Command::Import(args) => import::import(args),
        Command::Eval(args) => eval::eval(args),
        Command::Inspect(args) => inspect::inspect(args),
        Command::Run(args) => run::run(args),
        Command::Sensitivity(args) => sensitivity::sensitivity(args),
        Command::Bisect(args) => bisect::bisect(args),
        Command::Assign(args) => assign::assign(args),
        Command::Audit(args) => audit::audit(args).map_err(CommandError::from),
        Command::Size(args) => size::size(args),
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
