//! Times inference on an NVIDIA GPU: ResNets with random weights, and any model files.

pub mod document;
pub mod measure;
pub mod peers;
pub mod resnet;

use std::io;
use std::path::PathBuf;

use crate::mcu::McuError;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The GPU.
    #[error(transparent)]
    Cuda(#[from] cuda::CudaError),
    /// The network could not be made.
    #[error(transparent)]
    Network(#[from] McuError),
    /// The host's runtime gave no result.
    #[error(transparent)]
    Integer(#[from] host_tools::integer::IntegerError),
    /// A file is no model.
    #[error("{}: {source}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: runtime::LoadError,
    },
    /// The GPU computes something else than the host.
    #[error("{name}, batch {batch}, differs from the host: {difference}")]
    Differs {
        /// The network with its scheme.
        name: String,
        /// Images at a time.
        batch: usize,
        /// Where.
        difference: String,
    },
    /// A file of this machine.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
