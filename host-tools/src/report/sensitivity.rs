//! How much the loss depends on the weights of each layer, as numbers for people; computing them is another module's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sensitivity::Sensitivities;

/// Traces of the loss's Hessian, layer by layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Samples that the loss was averaged over.
    pub samples: usize,
    /// Random vectors of the trace estimator (Hutchinson 1989).
    pub probes: usize,
    /// Seed of the random vectors.
    pub seed: u64,
    /// Layers with weights in execution order.
    pub layers: Vec<LayerSensitivity>,
}

/// One layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerSensitivity {
    /// Nodes in it.
    pub name: String,
    /// Number of its weights.
    pub weights: u64,
    /// Estimated trace of the Hessian of the mean loss with respect to the weights: loss per squared weight.
    pub trace: f64,
    /// Standard error of the trace over the random vectors, in its unit.
    pub standard_error: f64,
    /// Squared error of rounding the weights, summed over them, by bit width.
    pub squared_error: BTreeMap<u8, f64>,
    /// Omega by bit width: mean trace times squared error, in units of the loss.
    pub omega: BTreeMap<u8, f64>,
}

impl Sensitivity {
    /// The numbers that people look at.
    pub fn of(measured: &Sensitivities) -> Self {
        let layer = |layer: &crate::sensitivity::LayerSensitivity| LayerSensitivity {
            name: layer.name.clone(),
            weights: layer.weights as u64,
            trace: layer.trace.mean,
            standard_error: layer.trace.standard_error,
            squared_error: layer.squared_error.clone(),
            omega: layer.omega.clone(),
        };
        Self {
            samples: measured.samples,
            probes: measured.probes,
            seed: measured.origin.seed,
            layers: measured.layers.iter().map(layer).collect(),
        }
    }
}
