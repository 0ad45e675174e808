//! How bits are chosen: by the sum of a number for every layer and width, by an order of the layers, or by nothing.

use serde::{Deserialize, Serialize};

use crate::assign::Bits;
use crate::sensitivity::LayerSensitivity;

/// How bits are chosen.
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
    /// Widths in the order of the eigenvalues, as near to the limit on flash as it goes (HAWQ-V1, whose choice among
    /// them was made by hand).
    HawqV1,
    /// The least sum of Omega among widths in the order of the mean traces (HAWQ-V2).
    HawqV2,
    /// The best of the same widths everywhere: a control.
    Uniform,
    /// Widths by chance, at the bytes of what `hessian` chooses: a control.
    Random,
}

impl Ranking {
    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hessian => "hessian",
            Self::Eigenvalue => "eigenvalue",
            Self::OutputError => "output-error",
            Self::Loss => "loss",
            Self::HawqV1 => "hawq-v1",
            Self::HawqV2 => "hawq-v2",
            Self::Uniform => "uniform",
            Self::Random => "random",
        }
    }

    /// Whether it needs the eigenvalues of the layers.
    pub fn needs_eigenvalues(self) -> bool {
        matches!(self, Self::Eigenvalue | Self::HawqV1)
    }

    /// How it chooses.
    pub(super) fn method(self) -> String {
        match self {
            Self::Hessian | Self::Eigenvalue | Self::OutputError | Self::Loss => {
                format!("integer program, {} ranking", self.name())
            }
            Self::HawqV1 => "widths in the order of the eigenvalues, HAWQ-V1".to_owned(),
            Self::HawqV2 => "best widths in the order of the mean traces, HAWQ-V2".to_owned(),
            Self::Uniform => "best uniform widths".to_owned(),
            Self::Random => {
                "widths by chance at the bytes of the integer program, hessian ranking".to_owned()
            }
        }
    }

    /// What the sum that it makes small consists of; for ways that look at none, what they are compared by.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Hessian | Self::HawqV1 | Self::HawqV2 | Self::Uniform | Self::Random => {
                "sum of Omega: mean Hessian trace times squared rounding error, weights and activations"
            }
            Self::Eigenvalue => {
                "largest Hessian eigenvalue per weight times squared rounding error, Omega of activations"
            }
            Self::OutputError => "squared error of layer outputs, Omega of activations",
            Self::Loss => "growth of the loss when one layer alone is rounded, Omega of activations",
        }
    }

    /// What a width of a layer adds. Negative estimates count as 0: no rounding is a gain to plan with.
    pub(super) fn objective(self, layer: &LayerSensitivity, bits: Bits) -> f64 {
        let of =
            |numbers: &std::collections::BTreeMap<u8, f64>, bits| numbers.get(&bits).copied().unwrap_or(0.0);
        let weights = match self {
            Self::Hessian | Self::HawqV1 | Self::HawqV2 | Self::Uniform | Self::Random => {
                of(&layer.omega, bits.weights)
            }
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
