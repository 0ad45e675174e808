//! What the benchmarks share: model files, made once.

use host_tools::integer::AlignedBytes;
use host_tools::job::{Job, QuantizeArgs};
use host_tools::quantize::{QuantizeError, quantize};

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
        ..QuantizeArgs::default()
    };
    let mut outcome = quantize(&Job::from_args(&args)?, |_| {})?;
    Ok(Sample { model: outcome.model, input: outcome.inputs.swap_remove(0) })
}
