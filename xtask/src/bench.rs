//! Starts the benchmarks.

use crate::shell::{self, Outcome};

/// Counts inference on an emulated board.
pub(crate) fn mcu(arguments: &[String]) -> Outcome {
    let command = ["run", "--release", "--quiet", "--package", "sparrowhawk-benches", "--bin", "mcu", "--"];
    shell::run(shell::cargo(&command).args(arguments))
}

/// Runs one benchmark by its name.
pub(crate) fn run(name: &str) -> Outcome {
    shell::run(shell::cargo(&["bench", "--package", "sparrowhawk-benches", "--bench"]).arg(name))
}
