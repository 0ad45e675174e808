//! Networks counted step by step on emulated boards, and the latency table fitted to what was counted.

pub mod document;
pub mod fit;
pub mod measure;
pub mod models;
pub mod peers;
pub mod results;
pub mod tools;

use host_tools::{board::BoardError, count::CountError, lower::LowerError};

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
    /// The model file does not load.
    #[error(transparent)]
    Load(#[from] runtime::LoadError),
    /// The board gave no result.
    #[error(transparent)]
    Board(BoardError),
    /// Nothing was counted.
    #[error("{model}: {source}")]
    Count {
        /// Name of the network.
        model: String,
        /// Why.
        source: CountError,
    },
}

impl McuError {
    fn count(model: &str) -> impl FnOnce(CountError) -> Self {
        let model = model.to_owned();
        move |error| match error {
            CountError::Board(error) => Self::Board(error),
            source => Self::Count { model, source },
        }
    }
}
