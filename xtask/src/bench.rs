//! Starts the benchmarks.

use crate::shell::{self, Outcome};

/// Counts inference on an emulated board.
pub(crate) fn mcu(arguments: &[String]) -> Outcome {
    let command = ["run", "--release", "--quiet", "--package", "sparrowhawk-benches", "--bin", "mcu", "--"];
    shell::run(shell::cargo(&command).args(arguments))
}

/// Times inference on an NVIDIA GPU.
pub(crate) fn cuda(arguments: &[String]) -> Outcome {
    let package = ["--package", "sparrowhawk-benches", "--features", "cuda", "--bin", "gpu", "--"];
    let mut command = shell::cargo(&["run", "--release", "--quiet"]);
    // Model files are named from where the user is.
    if let Ok(here) = std::env::current_dir() {
        command.current_dir(here);
    }
    let manifest = shell::root().join("Cargo.toml");
    shell::run(command.arg("--manifest-path").arg(manifest).args(package).args(arguments))
}

/// Runs one benchmark by its name.
pub(crate) fn run(name: &str) -> Outcome {
    shell::run(shell::cargo(&["bench", "--package", "sparrowhawk-benches", "--bench"]).arg(name))
}
