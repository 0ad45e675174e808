//! The numbers, as they are written and read again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rounding::ByBits;
use super::{Eigenvalue, Estimate, SensitivityOptions};
use crate::train::Loss;

/// What numbers were measured on: they are good for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// CRC-32 of the folded network.
    pub network: u32,
    /// CRC-32 of the samples with their targets.
    pub data: u32,
    /// CRC-32 of scales and zero points of the activations.
    pub ranges: u32,
    /// The loss.
    pub loss: Loss,
    /// Seed of the probes.
    pub seed: u64,
    /// How it is measured.
    pub options: SensitivityOptions,
}

impl Origin {
    /// Whether what was measured so is what another wants: the same, or more than that.
    pub(super) fn serves(&self, wanted: &Self) -> bool {
        let mut own = *self;
        if wanted.options.eigen_samples.unwrap_or(0) == 0 {
            own.options.eigen_samples = wanted.options.eigen_samples;
        }
        own == *wanted
    }
}

/// Sensitivities of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivities {
    /// What they were measured on.
    pub origin: Origin,
    /// Samples; fewer than asked for where there are no more.
    pub samples: usize,
    /// Probes of the weights; 1, with standard errors of 0, where traces are exact.
    pub probes: usize,
    /// Probes of the activations.
    pub activation_probes: usize,
    /// The float network's loss over the samples.
    pub loss: f64,
    /// Layers with weights, in the order of the integer network: that of a bit plan.
    pub layers: Vec<LayerSensitivity>,
}

/// Sensitivity of one layer. Weights are the folded ones unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSensitivity {
    /// Names of the nodes in it.
    pub name: String,
    /// Weights.
    pub weights: usize,
    /// Trace of the Hessian by the weights; HAWQ's mean trace is this over the number of weights.
    pub trace: Estimate,
    /// The same by the weights as stored, with BatchNorm behind them in evaluation mode.
    pub stored_trace: Estimate,
    /// Largest eigenvalue of the Hessian by the weights (HAWQ-V1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eigenvalue: Option<Eigenvalue>,
    /// `||W - Q(W)||^2` by width.
    pub squared_error: ByBits,
    /// HAWQ-V2's `trace / weights * ||W - Q(W)||^2` by width.
    pub omega: ByBits,
    /// Mean squared error of an element of the layer's output by width of the weights.
    pub output_error: ByBits,
    /// Growth of the loss by width of this layer's weights, all others exact.
    pub loss_change: ByBits,
    /// What the layer reads.
    pub activation: ActivationSensitivity,
}

/// Sensitivity of a layer's operand, as far as this layer reads it: another reader of the same tensor has its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationSensitivity {
    /// Name of the tensor.
    pub tensor: String,
    /// Elements of a sample.
    pub elements: usize,
    /// Mean over the samples of the trace of the Hessian of the sample's loss by the operand.
    pub trace: Estimate,
    /// Mean over the samples of the squared error of the whole operand by width, on the calibrated grids.
    pub squared_error: ByBits,
    /// `trace / elements * squared_error` by width.
    pub omega: ByBits,
}

impl LayerSensitivity {
    /// HAWQ's mean trace.
    pub fn mean_trace(&self) -> f64 {
        self.trace.mean / self.weights.max(1) as f64
    }
}

impl fmt::Display for Sensitivities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, probes, activation_probes, loss, layers, .. } = self;
        let traces = match (probes, activation_probes) {
            (1, 1) => "exact traces from the outputs".to_owned(),
            (weights, activations) => {
                format!("{weights} probes of weights, {activations} of activations")
            }
        };
        writeln!(f, "loss {loss:.6} over {samples} samples; {traces}\n")?;
        writeln!(
            f,
            "  {:>9}{:>11} ±{:>5}{:>11}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11} ±{:>5}{:>10}  nodes",
            "weights",
            "trace",
            "%",
            "eigenvalue",
            "dW2 w4",
            "dW2 w2",
            "Omega w8",
            "Omega w4",
            "Omega w2",
            "act trace",
            "%",
            "Omega a4"
        )?;
        for layer in layers {
            let activation = &layer.activation;
            let eigenvalue = layer.eigenvalue.map_or_else(|| "-".to_owned(), |e| format!("{:.3e}", e.value));
            write!(f, "  {:>9}{}{eigenvalue:>11}", layer.weights, estimate(layer.trace))?;
            for number in [
                number(&layer.squared_error, 4),
                number(&layer.squared_error, 2),
                number(&layer.omega, 8),
                number(&layer.omega, 4),
                number(&layer.omega, 2),
            ] {
                write!(f, "{number:>10}")?;
            }
            let omega = number(&activation.omega, 4);
            writeln!(f, "{}{omega:>10}  {}", estimate(activation.trace), layer.name)?;
        }
        Ok(())
    }
}

/// The mean, and the standard error in per cent of it.
fn estimate(estimate: Estimate) -> String {
    let share = 100.0 * estimate.standard_error / estimate.mean.abs().max(f64::MIN_POSITIVE);
    format!("{:>11.4e} ±{share:>5.1}", estimate.mean)
}

fn number(numbers: &ByBits, bits: u8) -> String {
    numbers.get(&bits).map_or_else(|| "-".to_owned(), |number| format!("{number:.2e}"))
}
