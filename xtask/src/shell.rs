//! Starts programs in the repository's root, and turns what they say into exit codes.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything is well.
    Passed,
    /// Something was checked and is wrong.
    Failed,
    /// The command line, or what it names, is wrong.
    Misused,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::SUCCESS,
            Outcome::Failed => Self::from(1),
            Outcome::Misused => Self::from(2),
        }
    }
}

/// The repository that this xtask belongs to.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// `cargo` of the pinned toolchain, in the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs with this terminal; a program that is not there counts as failed.
pub(crate) fn run(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) if status.code() == Some(2) => Outcome::Misused,
        Ok(_) => Outcome::Failed,
        Err(error) => {
            eprintln!("xtask: cannot start {}: {error}", command.get_program().to_string_lossy());
            Outcome::Failed
        }
    }
}

/// The program is on the path.
pub(crate) fn exists(program: &str) -> bool {
    match Command::new(program).arg("--version").output() {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Runs every named part, whatever the others say, and lists those that failed.
pub(crate) fn all(parts: &mut [(&str, &mut dyn FnMut() -> Outcome)]) -> Outcome {
    let mut failed = Vec::new();
    for (name, part) in parts {
        println!("== {name}");
        if part() != Outcome::Passed {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return Outcome::Passed;
    }
    eprintln!("xtask: failed: {}", failed.join(", "));
    Outcome::Failed
}
