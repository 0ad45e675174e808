//! What the benchmarks share: model files, made once, and networks built in code.

#[cfg(feature = "cuda")]
pub mod gpu;
pub mod mcu;
pub mod resnet20;

use std::sync::atomic::AtomicBool;

use host_tools::integer::AlignedBytes;
use host_tools::job::{Job, QuantizeArgs, TrainArgs};
use host_tools::quantize::{Hooks, QuantizeError, quantize};

/// A model file with one packed input.
pub struct Sample {
    /// The file.
    pub model: AlignedBytes,
    /// Bytes of its input tensor.
    pub input: Vec<u8>,
}

/// The embedded digits network in a scheme such as `w4a8`.
///
/// # Errors
/// Those of the job.
pub fn digits(scheme: &str) -> Result<Sample, QuantizeError> {
    let folder =
        tempfile::tempdir().map_err(|source| QuantizeError::Write { path: std::env::temp_dir(), source })?;
    let args = QuantizeArgs {
        scheme: scheme.parse().ok(),
        out: Some(folder.path().to_owned()),
        limit: Some(1),
        golden: Some(1),
        qat: TrainArgs { qat: Some(0), ..TrainArgs::default() },
        ..QuantizeArgs::default()
    };
    let stop = AtomicBool::new(false);
    let hooks = Hooks { say: &mut |_| {}, training: &mut |_| {}, resume: false, stop: &stop };
    let mut outcome = quantize(&Job::from_args(&args)?, hooks)?;
    Ok(Sample { model: outcome.model, input: outcome.inputs.swap_remove(0) })
}
