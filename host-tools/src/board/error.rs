//! Why a board gave no result, each with what to do.

use std::{io, path::Path};

use thiserror::Error;

/// Error of [`super::build`] and [`super::run`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BoardError {
    /// No board or chip has this name.
    #[error("no board, chip or GPU is called {name}; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A GPU runs files itself.
    #[error(
        "nothing emulates {name}: where there is one, run the file with `--on cuda`, with the feature `cuda`"
    )]
    NotEmulated {
        /// The GPU.
        name: &'static str,
    },
    /// The firmware's sources are not there.
    #[error(
        "targets/firmware is neither above the current folder nor where this tool was built: run it inside the repository"
    )]
    NoSources,
    /// Nothing here compiles for the target.
    #[error(
        "no Rust compiler here builds for {target}. Either\n    rustup target add {target}\nor, without rustup's \
         downloads, on Debian\n    apt-get install rustc-web cargo-web rust-web-src lld"
    )]
    NoToolchain {
        /// The target triple.
        target: &'static str,
    },
    /// QEMU is not installed.
    #[error("{program} is not installed:\n    apt-get install {package}")]
    NoQemu {
        /// QEMU's program for the board.
        program: &'static str,
        /// Debian's package with it.
        package: &'static str,
    },
    /// The compiler refused the firmware.
    #[error("the firmware for {board} does not build:\n{log}")]
    Build {
        /// Name of the board.
        board: &'static str,
        /// What cargo printed.
        log: String,
    },
    /// The firmware did not end in time.
    #[error("{board} did not end within {seconds} s; its last line was `{last}`. A longer time-out may do")]
    TimeOut {
        /// Name of the board.
        board: &'static str,
        /// The limit.
        seconds: u64,
        /// The last whole line that it printed.
        last: String,
    },
    /// The model file does not fit the board's model region.
    #[error("the model file is {need} bytes, {board} has room for {have}")]
    ModelTooLarge {
        /// Name of the board.
        board: &'static str,
        /// Bytes of the file.
        need: usize,
        /// Bytes of the region.
        have: u32,
    },
    /// The firmware refused the model or the input, or faulted.
    #[error("{board}: {message}")]
    Firmware {
        /// Name of the board.
        board: &'static str,
        /// Its `error` line.
        message: String,
    },
    /// The emulator stopped, or printed something that the firmware does not.
    #[error("{board}: {what}\n{log}")]
    Protocol {
        /// Name of the board.
        board: &'static str,
        /// What is wrong.
        what: String,
        /// What QEMU printed beside the firmware's lines.
        log: String,
    },
    /// A file or process of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl BoardError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(super) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }
}
