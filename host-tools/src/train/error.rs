//! What can keep training from its end.

use super::data::BatchError;
use crate::lower::LowerError;

/// Error of training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A step that training cannot compute.
    #[error("step `{step}`: training does not know {what}; quantise with `--qat 0`")]
    Unsupported {
        /// Name of the step.
        step: String,
        /// What it has.
        what: &'static str,
    },
    /// A step reads what nothing wrote, or constants that are not there.
    #[error("the lowered network is damaged; this is a mistake in the tool, please report it")]
    Damaged,
    /// NaN or infinity.
    #[error(
        "training diverged: a gradient of `{layer}` is not a number; lower train.rate, or set train.clip_norm to 1"
    )]
    NotFinite {
        /// Layer, tensor or `the loss`.
        layer: String,
    },
    /// The loss grew instead of falling.
    #[error(
        "training diverges: the loss rose from {first:.4} to {now:.4}, and `{layer}` moves most for its size; lower train.rate (now {rate}) or raise train.warmup"
    )]
    Growing {
        /// Loss of the first batches.
        first: f64,
        /// Loss of the last ones.
        now: f64,
        /// Layer or tensor.
        layer: String,
        /// Learning rate.
        rate: f64,
    },
    /// Scales that no integer multiplier can hold any more.
    #[error(
        "layer `{layer}`: its weights or scales have left what integers can hold; training diverges; lower train.rate or train.scale_rate, or set train.clip_norm to 1"
    )]
    Scales {
        /// Name of the layer.
        layer: String,
    },
    /// Ctrl-C.
    #[error("interrupted; go on with --resume, the checkpoint is {}", checkpoint.display())]
    Interrupted {
        /// Where everything is kept.
        checkpoint: std::path::PathBuf,
    },
    /// A device that this build does not have.
    #[error(
        "this build cannot train on {device}; build host-tools with `--features {device}` or use --device cpu"
    )]
    Device {
        /// Its name.
        device: &'static str,
    },
    /// A device that this machine does not have.
    #[error("no {device} device or driver was found; use --device cpu")]
    NoDevice {
        /// Its name.
        device: &'static str,
    },
    /// An option out of its range.
    #[error("train.{key}: {remedy}")]
    Option {
        /// Its name.
        key: &'static str,
        /// What is allowed.
        remedy: &'static str,
    },
    /// A checkpoint that does not fit.
    #[error("{}: {what}; remove it or leave out --resume", path.display())]
    Checkpoint {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The checkpoint could not be written.
    #[error("{}: {message}", path.display())]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        message: String,
    },
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The integer executor failed on the validation samples.
    #[error(transparent)]
    Integer(#[from] crate::integer::IntegerError),
    /// The model file could not be put together.
    #[error(transparent)]
    Encode(#[from] crate::file::EncodeError),
    /// Lowering failed with the trained parameters.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The data cannot be batched.
    #[error(transparent)]
    Batch(#[from] BatchError),
}
