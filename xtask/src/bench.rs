//! Starts the benchmarks.

use crate::shell::{self, Outcome};

/// Runs one benchmark by its name.
pub(crate) fn run(name: &str) -> Outcome {
    shell::run(shell::cargo(&["bench", "--package", "sparrowhawk-benches", "--bench"]).arg(name))
}
