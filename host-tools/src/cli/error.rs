//! What ends a command early, each error with its remedy in its own text.

use std::path::PathBuf;

use crate::audit::AuditError;
use crate::board::BoardError;
use crate::count::CountError;
use crate::data::DataError;
use crate::integer::IntegerError;
use crate::job::JobError;
use crate::quantize::QuantizeError;
use crate::sensitivity::SensitivityError;

/// Error of a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The job file or its overrides.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The main job.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// Sensitivities.
    #[error(transparent)]
    Sensitivity(#[from] SensitivityError),
    /// The network, in a command that shows its problems on standard output.
    #[error("{0}")]
    Import(String),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model file on the host.
    #[error(transparent)]
    Integer(#[from] IntegerError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// Counting on the board.
    #[error(transparent)]
    Count(#[from] CountError),
    /// The GPU.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] crate::gpu::GpuError),
    /// This build has no CUDA backend.
    #[cfg(not(feature = "cuda"))]
    #[error(
        "this build has no CUDA backend: start it with `cargo xtask … --on cuda`, or build with --features cuda"
    )]
    NoCuda,
    /// The audit.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no model.
    #[error("{}: {source}; make it again with `cargo xtask quantize`", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: runtime::LoadError,
    },
    /// A budget cannot be read.
    #[error("{}: {source}", path.display())]
    Budget {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// Nothing to run.
    #[error("{}: holds no golden vectors; give inputs with --data, or quantize with --golden 1", path.display())]
    NoVectors {
        /// The file.
        path: PathBuf,
    },
}
