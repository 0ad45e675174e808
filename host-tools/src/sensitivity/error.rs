//! What can keep sensitivities from being measured.

use crate::data::DataError;
use crate::graph::ExecuteError;
use crate::lower::LowerError;
use crate::quantize::QuantizeError;

/// Error of measuring sensitivities.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SensitivityError {
    /// The network has no layer with weights.
    #[error("the network `{network}` has no convolution or dense layer; there is nothing to choose bits for")]
    NoLayers {
        /// Name of the network.
        network: String,
    },
    /// Samples and targets do not fit each other or the network.
    #[error(
        "{samples} samples have {found} {what}, {expected} are needed; look at the job's data and train.loss"
    )]
    Targets {
        /// Samples.
        samples: usize,
        /// Labels or target values.
        what: &'static str,
        /// As many as there are.
        found: usize,
        /// As many as there must be.
        expected: usize,
    },
    /// A label is not among the network's outputs.
    #[error(
        "sample {sample} has the label {label}, the network has {outputs} outputs; look at the job's data"
    )]
    Label {
        /// Index of the sample.
        sample: usize,
        /// Its label.
        label: u32,
        /// Outputs of the network.
        outputs: usize,
    },
    /// NaN or infinity.
    #[error("the loss is not a number; look at the network and at the scale of its input")]
    NotFinite,
    /// An option is out of its range.
    #[error("{option} must be {allowed}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// Ctrl-C.
    #[error("interrupted; the same command goes on from where it stopped")]
    Interrupted,
    /// The float network failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The samples.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Calibration of the activations.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The job: its network, its widths, its files.
    #[error(transparent)]
    Job(#[from] QuantizeError),
}
