//! What `report.json` holds: every number of a job, with its unit. `report.html` is made of nothing else.

use serde::{Deserialize, Serialize};

use super::{ArenaBuffer, Assignment, Reproduce, Sensitivity};
use crate::train::{EpochReport, TrainOptions};

/// `report.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Name of the job.
    pub name: String,
    /// Weight and activation bits of the inner layers.
    pub scheme: String,
    /// Name of the board that the job is for.
    pub board: String,
    /// Test data.
    pub data: String,
    /// Samples of the test data.
    pub samples: usize,
    /// Accuracy of the float network, 0 to 1.
    pub float_accuracy: f64,
    /// Accuracy of the integer executor on the written file, 0 to 1.
    pub accuracy: f64,
    /// Before training; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_training: Option<PostTraining>,
    /// How training went; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// Samples that only the float network gets right.
    pub lost: usize,
    /// Samples that only the integer network gets right.
    pub gained: usize,
    /// Bytes of the model file.
    pub model_bytes: usize,
    /// Bytes of packed weights.
    pub weight_bytes: usize,
    /// Float32 bytes of the weights over packed bytes.
    pub weight_compression: f64,
    /// Bytes of the arena, scratch included.
    pub arena_bytes: usize,
    /// Multiply-accumulates of an inference.
    pub macs: u64,
    /// Limits asked for, and what the model takes of them.
    pub constraints: Constraints,
    /// How the bits were chosen.
    pub assignment: Assignment,
    /// How much the loss depends on each layer; absent when nothing measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// Steps in execution order.
    pub per_step: Vec<StepReport>,
    /// Who holds which bytes of the arena, and when.
    pub arena: Vec<ArenaBuffer>,
    /// Names of the classes; empty where the data have none.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Samples by true class, then by class found.
    pub confusion: Vec<Vec<u32>>,
    /// What is needed to make the file again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<Reproduce>,
    /// What was folded, moved or left out on the way.
    pub log: Vec<String>,
}

/// The integer network before training.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostTraining {
    /// Accuracy of the integer executor, 0 to 1.
    pub accuracy: f64,
    /// Samples that only the float network gets right.
    pub lost: usize,
    /// Samples that only the integer network gets right.
    pub gained: usize,
}

/// How training went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Training {
    /// All its options.
    pub options: TrainOptions,
    /// Epoch whose parameters were kept; 0 are those of post-training quantisation.
    pub best: usize,
    /// Epoch by epoch.
    pub history: Vec<EpochReport>,
    /// Steps whose integers in training may differ from the file's by rounding.
    pub inexact: Vec<String>,
}

/// Limits of the target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Constraints {
    /// Flash: bytes of the model file.
    pub flash_bytes: Limit,
    /// RAM: bytes of the arena.
    pub ram_bytes: Limit,
    /// Bit operations of an inference: multiply-accumulates times weight bits times activation bits (HAWQ-V3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bops: Option<Limit>,
    /// Clock cycles of an inference on the board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_cycles: Option<Limit>,
    /// Microseconds of an inference on the board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<Limit>,
    /// What the latency is made of; absent where nothing gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_basis: Option<String>,
}

/// One limit.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// What was asked for; `None` without a limit.
    pub asked: Option<u64>,
    /// What the model takes.
    pub used: u64,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepReport {
    /// Nodes in it.
    pub name: String,
    /// Operator.
    pub op: String,
    /// Rows, columns, channels of the result.
    pub output: [u16; 3],
    /// Bits of a weight; 0 without weights.
    pub bits_w: u32,
    /// Bits of the main operand.
    pub bits_a: u32,
    /// Bytes of packed weights.
    pub weight_bytes: usize,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Clock cycles, estimated for the board ([`crate::latency`]); `None` for a board without a table and for a step
    /// unlike those measured.
    pub cycles: Option<u64>,
    /// Largest magnitude that an accumulator can take, below 2^31; 0 without one.
    pub accumulator_bound: i64,
    /// Scale of the result.
    pub scale: f64,
    /// Zero point of the result.
    pub zero_point: i16,
}
