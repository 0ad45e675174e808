//! Why nothing was counted, each with what to do.

use std::{io, path::Path};

use crate::audit::AuditError;
use crate::board::BoardError;
use crate::integer::IntegerError;
use crate::verify::Difference;

/// Error of counting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
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
    #[error("{board} differs from the host: {difference}")]
    Differs {
        /// Name of the board.
        board: &'static str,
        /// Where.
        difference: Difference,
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

impl CountError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(super) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("cannot {verb} {}", path.display()))
    }
}
