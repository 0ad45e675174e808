//! What can be wrong between a data set and its batches.

use crate::graph::Shape;

/// Error of splitting a data set or of preparing batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A number out of its range.
    #[error("{what} is {value}; it must be {allowed}")]
    Value {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: f64,
        /// Its range.
        allowed: &'static str,
    },
    /// The held-out samples would leave none to train on.
    #[error("{name}: {wanted} of {samples} different samples held out; leave some to train on")]
    NothingLeft {
        /// Data set.
        name: String,
        /// Samples to hold out.
        wanted: usize,
        /// Different samples there are.
        samples: usize,
    },
    /// A joined part that does not exist.
    #[error("{name}: there is no part {part}; it has {parts}, counted from 0")]
    Part {
        /// Data set.
        name: String,
        /// The part asked for.
        part: usize,
        /// Parts there are.
        parts: usize,
    },
    /// No samples to make batches of.
    #[error("{name}: no samples to make batches of")]
    Empty {
        /// Data set.
        name: String,
    },
    /// A sample that the data set does not have.
    #[error("{name}: there is no sample {index} among {samples}")]
    Index {
        /// Data set.
        name: String,
        /// The index asked for.
        index: usize,
        /// Samples there are.
        samples: usize,
    },
    /// Real-valued samples need the input tensor's scale and zero point.
    #[error("{name}: the samples are real numbers; give the scale and zero point of the network's input")]
    NoScale {
        /// Data set.
        name: String,
    },
    /// A shift that moves a whole sample out of sight.
    #[error("augmentation shifts by up to {rows} rows and {columns} columns; samples of {shape} need less")]
    Shift {
        /// Most rows.
        rows: usize,
        /// Most columns.
        columns: usize,
        /// Shape of the samples.
        shape: Shape,
    },
    /// The background thread cannot be started.
    #[error("cannot start the thread that prepares batches: {0}")]
    Thread(#[from] std::io::Error),
}
