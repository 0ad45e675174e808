//! What a choice minimises: a number for every layer and width, of which the sum should be small.

use serde::{Deserialize, Serialize};

use crate::assign::Bits;
use crate::sensitivity::LayerSensitivity;

/// How layers are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// Omega by the Hessian's trace (Dong et al. 2020, HAWQ-V2; Yao et al. 2021, HAWQ-V3).
    #[default]
    Hessian,
    /// The largest eigenvalue in place of the mean trace (Dong et al. 2019, HAWQ-V1).
    Eigenvalue,
    /// Squared error of the layer's output; says nothing of what the network makes of it.
    OutputError,
    /// Growth of the loss when this layer alone is rounded.
    Loss,
}

impl Ranking {
    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hessian => "hessian",
            Self::Eigenvalue => "eigenvalue",
            Self::OutputError => "output-error",
            Self::Loss => "loss",
        }
    }

    /// What a width of a layer adds. Negative estimates count as 0: no rounding is a gain to plan with.
    pub(super) fn objective(self, layer: &LayerSensitivity, bits: Bits) -> f64 {
        let of =
            |numbers: &std::collections::BTreeMap<u8, f64>, bits| numbers.get(&bits).copied().unwrap_or(0.0);
        let weights = match self {
            Self::Hessian => of(&layer.omega, bits.weights),
            Self::Eigenvalue => {
                let eigenvalue = layer.eigenvalue.map_or(0.0, |eigenvalue| eigenvalue.value);
                eigenvalue / layer.weights.max(1) as f64 * of(&layer.squared_error, bits.weights)
            }
            Self::OutputError => of(&layer.output_error, bits.weights),
            Self::Loss => of(&layer.loss_change, bits.weights),
        };
        weights.max(0.0) + of(&layer.activation.omega, bits.activations).max(0.0)
    }
}
