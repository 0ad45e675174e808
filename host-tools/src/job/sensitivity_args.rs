//! Command-line overrides of the `[sensitivity]` section.

use super::args::named;
use crate::sensitivity::{Method, SensitivityOptions};

/// Arguments for how sensitivities are measured.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Sensitivities")]
pub struct SensitivityArgs {
    /// Samples for derivatives, evenly spaced over the training data [default: 512]
    #[arg(long, value_name = "COUNT")]
    pub hessian_samples: Option<usize>,
    /// How traces are found: auto, hutchinson, outputs [default: auto]
    #[arg(long, value_parser = named::<Method>)]
    pub method: Option<Method>,
    /// Most random probes of weights, and of activations [default: 48]
    #[arg(long, value_name = "COUNT")]
    pub probes: Option<usize>,
    /// Share of a trace that its standard error may be for probing to end early [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    pub tolerance: Option<f64>,
    /// Samples for eigenvalues; 0 leaves them out [default: 64 where they are asked for]
    #[arg(long, value_name = "COUNT")]
    pub eigen_samples: Option<usize>,
}

impl SensitivityArgs {
    /// Writes the given ones into a job.
    pub(super) fn apply(&self, options: &mut SensitivityOptions) {
        options.samples = self.hessian_samples.unwrap_or(options.samples);
        options.method = self.method.unwrap_or(options.method);
        options.probes = self.probes.unwrap_or(options.probes);
        options.tolerance = self.tolerance.unwrap_or(options.tolerance);
        options.eigen_samples = self.eigen_samples.or(options.eigen_samples);
    }
}
