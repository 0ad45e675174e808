//! Starts the host tools, optimised: training and emulation are slow otherwise.

use crate::shell::{self, Outcome};

/// Runs one command of `sparrowhawk` with its arguments, in the caller's folder.
pub(crate) fn run(command: &str, arguments: &[String]) -> Outcome {
    let manifest = shell::root().join("Cargo.toml");
    let mut cargo = shell::cargo(&["run", "--release"]);
    if shell::root().join("target/release/sparrowhawk").exists() {
        cargo.arg("--quiet");
    } else {
        eprintln!("building the host tools: some minutes the first time");
    }
    // File names on the command line are relative to where the user is.
    if let Ok(here) = std::env::current_dir() {
        cargo.current_dir(here);
    }
    cargo.arg("--manifest-path").arg(manifest);
    cargo
        .args(["--package", "sparrowhawk-host-tools", "--bin", "sparrowhawk", "--", command])
        .args(arguments);
    shell::run(&mut cargo)
}
