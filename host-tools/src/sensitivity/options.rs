//! How sensitivities are measured.

use serde::{Deserialize, Serialize};

use super::SensitivityError;

/// Probes between two looks at the standard errors, and between two notes of what is done.
pub(super) const ROUND: usize = 8;

/// How traces are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `outputs` where that is the Hessian, that is for networks of piecewise linear operators; else `hutchinson`.
    #[default]
    Auto,
    /// Products of the Hessian and random signs of all weights (HAWQ-V2): any network, slow to become sure.
    Hutchinson,
    /// From the outputs: exact with at most as many outputs as probes, else by random signs of the outputs. With
    /// curved operators it is the Gauss-Newton part of the Hessian.
    Outputs,
}

/// How sensitivities are measured. Every value is part of what a stored result is good for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensitivityOptions {
    /// Samples, evenly spaced over the data.
    pub samples: usize,
    /// How traces are found.
    pub method: Method,
    /// Most probes of weights, and of activations.
    pub probes: usize,
    /// Probing ends early when no standard error is above this share of its trace.
    pub tolerance: f64,
    /// Samples that eigenvalues are found with; 0 for none. Not given, 64 where something asks for eigenvalues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eigen_samples: Option<usize>,
}

impl Default for SensitivityOptions {
    fn default() -> Self {
        Self { samples: 512, method: Method::Auto, probes: 48, tolerance: 0.05, eigen_samples: None }
    }
}

impl SensitivityOptions {
    /// The same with eigenvalues where they are asked for, unless it says how many samples they take.
    #[must_use]
    pub fn with_eigenvalues(self, asked: bool) -> Self {
        let samples = if asked { EIGEN_SAMPLES } else { 0 };
        Self { eigen_samples: Some(self.eigen_samples.unwrap_or(samples)), ..self }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`SensitivityError::Option`] with the first that is out of range.
    pub fn check(&self) -> Result<(), SensitivityError> {
        let error = |option, allowed| Err(SensitivityError::Option { option, allowed });
        if self.samples == 0 {
            return error("--hessian-samples", "at least 1");
        }
        if self.probes < 2 {
            return error("--probes", "at least 2: one alone says nothing about its error");
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return error("--tolerance", "0 or more");
        }
        Ok(())
    }
}

/// Samples that eigenvalues are found with by default: every step of every layer is a pass of its own.
const EIGEN_SAMPLES: usize = 64;

/// Largest residual of an eigenvector: its eigenvalue is then right to about a hundredth.
pub(super) const EIGEN_TOLERANCE: f64 = 0.1;

/// Most products for an eigenvalue.
pub(super) const EIGEN_ITERATIONS: usize = 30;
