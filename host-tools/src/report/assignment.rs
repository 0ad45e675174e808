//! How the bits were chosen, and what the other choices would have given.

use serde::{Deserialize, Serialize};

/// How the bits were chosen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Assignment {
    /// `uniform`: the same bits in all inner layers.
    pub method: String,
    /// What the method minimises; absent where it minimises nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    /// Bits of weights.
    pub weights: u8,
    /// Bits of activations.
    pub activations: u8,
    /// Bits of the first and the last layer.
    pub first_last: u8,
    /// Bits of residual sums.
    pub residual: u8,
    /// Bits of every layer with weights, in execution order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerWidths>,
    /// Best assignments for a range of limits, in any order; empty where none were looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<FrontPoint>,
    /// HAWQ-V2's front: best of the assignments in which no layer has fewer bits than one of a lower mean trace, by
    /// weight bytes, whatever the limits; empty where there are too many to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranked_front: Vec<RankedPoint>,
    /// Other ways to choose the bits, as controls; empty where none were tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<Arm>,
}

/// Bits of a layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerWidths {
    /// Nodes in it.
    pub name: String,
    /// Bits of its weights.
    pub weights: u32,
    /// Bits of its main operand.
    pub activations: u32,
}

/// An assignment that no other one beats.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrontPoint {
    /// What the method minimises: the sum of Omega over the layers, in units of the loss.
    pub objective: f64,
    /// Bytes of packed weights.
    pub weight_bytes: u64,
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// Bit operations of an inference.
    pub bops: u64,
    /// Clock cycles of an inference; `None` where no table gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Accuracy of the integer executor, 0 to 1, where the point was evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Whether the file has this assignment.
    pub chosen: bool,
}

/// An assignment that no other one in the order of the mean traces beats, by the prices of its layers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RankedPoint {
    /// Sum of Omega over the layers, in units of the loss.
    pub objective: f64,
    /// Bytes of packed weights.
    pub weight_bytes: u64,
    /// Bit operations of an inference.
    pub bops: u64,
    /// Clock cycles of an inference; `None` where no table gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
}

/// A control: another way to choose the bits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arm {
    /// Which way.
    pub name: String,
    /// Sum of Omega over the layers, in units of the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omega: Option<f64>,
    /// Bytes of packed weights.
    pub weight_bytes: u64,
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// Clock cycles of an inference; `None` where no table gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Accuracy of the integer executor before training, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_training_accuracy: Option<f64>,
    /// Accuracy of the integer executor after training, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}
