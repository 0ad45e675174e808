//! Every number of a job, as `report.json` and as a table for people.

mod table;

pub use table::thousands;

use kernels::Dtype;
use runtime::Model;
use runtime::format::Op;
use serde::Serialize;

use crate::data::Dataset;
use crate::graph::Graph;
use crate::integer::Evaluation;
use crate::job::Job;
use crate::latency::{LatencyTable, Work};
use crate::lower::Lowered;
use crate::quantize::Prepared;
use crate::train::{EpochReport, TrainOptions, Trained};

/// Bytes of a float weight.
const FLOAT_BYTES: usize = 4;

/// `report.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the job.
    pub name: String,
    /// Weight and activation bits of the inner layers.
    pub scheme: String,
    /// Test data.
    pub data: String,
    /// Samples of the test data.
    pub samples: usize,
    /// Accuracy of the float network.
    pub float_accuracy: f64,
    /// Accuracy of the integer executor on the written file.
    pub accuracy: f64,
    /// Before training; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_training: Option<PostTraining>,
    /// How training went; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// Steps in execution order.
    pub per_step: Vec<StepReport>,
    /// Samples by true class, then by class found.
    pub confusion: Vec<Vec<u32>>,
    /// What was folded, moved or left out on the way.
    pub log: Vec<String>,
}

/// The integer network before training.
#[derive(Clone, Debug, Serialize)]
pub struct PostTraining {
    /// Accuracy of the integer executor.
    pub accuracy: f64,
    /// Samples that only the float network gets right.
    pub lost: usize,
    /// Samples that only the integer network gets right.
    pub gained: usize,
}

/// How training went.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct Constraints {
    /// Flash: bytes of the model file.
    pub flash_bytes: Limit,
    /// RAM: bytes of the arena.
    pub ram_bytes: Limit,
}

/// One limit.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// What was asked for; nothing yet asks.
    pub asked: Option<u64>,
    /// What the model takes.
    pub used: u64,
}

/// How the bits were chosen.
#[derive(Clone, Debug, Serialize)]
pub struct Assignment {
    /// `uniform`: the same bits in all inner layers.
    pub method: &'static str,
    /// Bits of weights.
    pub weights: u8,
    /// Bits of activations.
    pub activations: u8,
    /// Bits of the first and the last layer.
    pub first_last: u8,
    /// Bits of residual sums.
    pub residual: u8,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Nodes in it.
    pub name: String,
    /// Operator.
    pub op: &'static str,
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
    /// Estimated cycles on a Cortex-M4 ([`crate::latency`]); absent for a step unlike those measured.
    pub cycles: Option<u64>,
    /// Largest magnitude that an accumulator can take, below 2^31; 0 without one.
    pub accumulator_bound: i64,
    /// Scale of the result.
    pub scale: f64,
    /// Zero point of the result.
    pub zero_point: i16,
}

impl Report {
    /// Collects the numbers.
    pub fn new(
        job: &Job,
        prepared: &Prepared,
        lowered: &Lowered,
        model: &Model,
        float: &Evaluation,
        integer: &Evaluation,
        test: &Dataset,
    ) -> Self {
        let infos = &lowered.network.infos;
        let weight_bytes: usize = infos.iter().map(|i| i.weight_bytes).sum();
        let right = |e: &Evaluation, i: usize| e.predictions[i] == test.labels[i];
        let only =
            |a: &Evaluation, b: &Evaluation| (0..test.len()).filter(|&i| right(a, i) && !right(b, i)).count();
        let used = |used: usize| Limit { asked: None, used: used as u64 };
        let model_bytes = model.file().len();
        let q = job.quantize;
        Self {
            name: job.name.clone(),
            scheme: format!("w{}a{}", q.weights, q.activations),
            data: job.data.test.without_folders(),
            samples: test.len(),
            float_accuracy: float.accuracy(),
            accuracy: integer.accuracy(),
            post_training: None,
            training: None,
            lost: only(float, integer),
            gained: only(integer, float),
            model_bytes,
            weight_bytes,
            weight_compression: (weights(&prepared.graph) * FLOAT_BYTES) as f64 / weight_bytes.max(1) as f64,
            arena_bytes: model.arena_bytes(),
            macs: infos.iter().map(|i| i.macs).sum(),
            constraints: Constraints { flash_bytes: used(model_bytes), ram_bytes: used(model.arena_bytes()) },
            assignment: Assignment {
                method: "uniform",
                weights: q.weights,
                activations: q.activations,
                first_last: q.first_last,
                residual: q.residual,
            },
            per_step: steps(lowered, model),
            confusion: integer.confusion.clone(),
            log: prepared.log.clone(),
        }
    }
}

impl Report {
    /// Sets the network before training beside the trained one.
    pub fn add_training(&mut self, before: &Report, options: &TrainOptions, trained: Trained) {
        let Report { accuracy, lost, gained, .. } = *before;
        self.post_training = Some(PostTraining { accuracy, lost, gained });
        let Trained { history, best, inexact, .. } = trained;
        self.training = Some(Training { options: options.clone(), best, history, inexact });
    }
}

fn weights(graph: &Graph) -> usize {
    use crate::graph::Op;
    graph
        .nodes
        .iter()
        .map(|node| match &node.op {
            Op::Conv(conv) => conv.weight.len(),
            Op::Dense(dense) => dense.weight.len(),
            _ => 0,
        })
        .sum()
}

fn steps(lowered: &Lowered, model: &Model) -> Vec<StepReport> {
    let table = LatencyTable::reference();
    let describe = |(info, step): (&crate::lower::StepInfo, runtime::format::Step)| StepReport {
        name: info.name.clone(),
        op: step.op.name(),
        output: step.output.dims,
        bits_w: info.weight_bits,
        bits_a: main_bits(&step.op),
        weight_bytes: info.weight_bytes,
        macs: info.macs,
        cycles: table.and_then(|table| table.estimate(&Work::of(&step))),
        accumulator_bound: info.accumulator_bound,
        scale: info.scale,
        zero_point: step.output.zero,
    };
    lowered.network.infos.iter().zip(model.steps()).map(describe).collect()
}

/// Bits of a step's main operand.
pub fn main_bits(op: &Op) -> u32 {
    op.operands().next().map_or(0, |operand| Dtype::from(operand.dtype).bits())
}
