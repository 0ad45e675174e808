//! What can keep a job from its end.

use std::path::PathBuf;

use runtime::LoadError;

use crate::budget::BudgetError;
use crate::count::CountError;
use crate::data::DataError;
use crate::file::EncodeError;
use crate::import::ImportErrors;
use crate::integer::{InputKind, IntegerError};
use crate::job::JobError;
use crate::lower::LowerError;
use crate::sensitivity::SensitivityError;
use crate::train::TrainError;

/// Error of a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The job itself.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The float network.
    #[error(transparent)]
    Import(#[from] ImportErrors),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// From floats to integers.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// Measuring sensitivities.
    #[error(transparent)]
    Sensitivity(Box<SensitivityError>),
    /// Choosing bits.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// Counting cycles.
    #[error(transparent)]
    Count(Box<CountError>),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Running the result.
    #[error(transparent)]
    Integer(#[from] IntegerError),
    /// The board that the file is for.
    #[error(transparent)]
    Board(#[from] crate::board::BoardError),
    /// Encoding the result.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The written bytes do not load: a defect of this program.
    #[error("the file just made does not load: {0}; please report this")]
    Load(#[from] LoadError),
    /// Calibration and test data are stored in different ways.
    #[error(
        "the calibration data hold {calibration} samples, the test data {test} samples; store both in the same type"
    )]
    Kinds {
        /// Kind of the calibration data.
        calibration: InputKind,
        /// Kind of the test data.
        test: InputKind,
    },
    /// A width that nothing supports.
    #[error(
        "{bits} bits are not supported: weights take 8, 4 or 2, activations 8 or 4, residual sums 8 or 16"
    )]
    Bits {
        /// The width.
        bits: u8,
    },
    /// A report that is no JSON: a defect of this program.
    #[error("report: {0}")]
    Json(serde_json::Error),
    /// A file cannot be read again.
    #[error("{}: {source}; it was there when the job began", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{}: {source}; choose another folder with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<SensitivityError> for QuantizeError {
    fn from(error: SensitivityError) -> Self {
        Self::Sensitivity(Box::new(error))
    }
}

impl From<CountError> for QuantizeError {
    fn from(error: CountError) -> Self {
        Self::Count(Box::new(error))
    }
}
