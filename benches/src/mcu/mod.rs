//! Counts the instructions of the firmware step by step, with an estimate of Cortex-M4 cycles, and fits the latency
//! table to what was counted.

pub mod counts;
pub mod cycles;
pub mod document;
pub mod fit;
pub mod measure;
pub mod models;
pub mod peers;
pub mod plugin;
pub mod program;
pub mod results;
pub mod tools;

use std::{io, path::Path};

use host_tools::{audit::AuditError, board::BoardError, integer::IntegerError, lower::LowerError};

/// Why nothing was counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McuError {
    /// The network could not be made integers.
    #[error("{model}: {source}")]
    Lower {
        /// Name of the network.
        model: String,
        /// Why.
        source: LowerError,
    },
    /// The model file could not be written.
    #[error(transparent)]
    Encode(#[from] host_tools::file::EncodeError),
    /// The board gave no result.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The host's runtime gave no result.
    #[error(transparent)]
    Integer(#[from] IntegerError),
    /// The firmware was not disassembled.
    #[error(transparent)]
    Disassembly(#[from] AuditError),
    /// The board computes something else than the host.
    #[error("{model} on {board} differs from the host: {difference}")]
    Differs {
        /// Name of the network.
        model: String,
        /// Name of the board.
        board: &'static str,
        /// Where.
        difference: String,
    },
    /// The plugin was not built.
    #[error("the counting plugin does not build (is a C compiler installed as `cc`?):\n{log}")]
    Plugin {
        /// What the compiler said.
        log: String,
    },
    /// The counts are not what the plugin writes, or not of this firmware.
    #[error("the counts make no sense: {0}")]
    Counts(String),
    /// A file or process of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl McuError {
    fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("cannot {verb} {}", path.display());
        move |source| Self::Io { what, source }
    }
}
