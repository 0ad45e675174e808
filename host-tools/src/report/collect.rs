//! Gathers a report's numbers from what a job made.

use kernels::Dtype;
use runtime::Model;
use runtime::format::Op;

use super::{
    ArenaBuffer, Arm, Assignment, BufferKind, Constraints, LayerWidths, Limit, PostTraining, Report,
    Sensitivity, StepReport, Training,
};
use crate::budget::{BudgetError, Chosen, Limits};
use crate::data::Dataset;
use crate::graph::Graph;
use crate::integer::Evaluation;
use crate::job::{Job, Target};
use crate::latency::{LatencyTable, Work};
use crate::lower::{ArenaBlock, Lowered};
use crate::quantize::Prepared;
use crate::sensitivity::Sensitivities;
use crate::train::{TrainOptions, Trained};

/// Bytes of a float weight.
const FLOAT_BYTES: usize = 4;

impl Report {
    /// Collects the numbers.
    ///
    /// # Errors
    /// Those of [`Limits::of`]; a limit on the latency where a step has no estimate.
    pub fn new(
        job: &Job,
        prepared: &Prepared,
        lowered: &Lowered,
        model: &Model,
        float: &Evaluation,
        integer: &Evaluation,
        test: &Dataset,
    ) -> Result<Self, BudgetError> {
        let limits = Limits::of(&job.target)?;
        let infos = &lowered.network.infos;
        let weight_bytes: usize = infos.iter().map(|i| i.weight_bytes).sum();
        let right = |e: &Evaluation, i: usize| e.predictions[i] == test.labels[i];
        let only =
            |a: &Evaluation, b: &Evaluation| (0..test.len()).filter(|&i| right(a, i) && !right(b, i)).count();
        let per_step = steps(lowered, model, limits.table.as_deref());
        let cycles: Option<u64> = per_step.iter().map(|step| step.cycles).sum();
        if let (Some(_), Some(unknown)) = (limits.cycles, per_step.iter().find(|step| step.cycles.is_none()))
        {
            return Err(limits.no_estimate(&unknown.name));
        }
        let device = limits.device;
        let microseconds = |cycles: u64| (1e3 * device.milliseconds(cycles)).round() as u64;
        let limit = |asked: Option<u64>, used: u64| Limit { asked, used };
        let bops =
            infos.iter().zip(&per_step).map(|(info, step)| info.macs * u64::from(step.bits_w * step.bits_a));
        let model_bytes = model.file().len();
        let q = &job.quantize;
        Ok(Self {
            name: job.name.clone(),
            board: job.target.board.clone(),
            scheme: q.scheme(),
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
            constraints: Constraints {
                flash_bytes: limit(limits.flash, model_bytes as u64),
                ram_bytes: limit(limits.ram, model.arena_bytes() as u64),
                bops: Some(limit(limits.bops, bops.sum())),
                latency_cycles: cycles.map(|cycles| limit(limits.cycles, cycles)),
                latency_us: cycles.map(|cycles| limit(limits.cycles.map(microseconds), microseconds(cycles))),
                latency_basis: cycles.map(|_| format!("estimated from counts {}", device.about_clock())),
            },
            assignment: Assignment {
                method: "uniform".into(),
                objective: None,
                weights: q.weights.widest(),
                activations: q.activations.widest(),
                first_last: q.first_last,
                residual: q.residual,
                layers: layers(&per_step),
                front: Vec::new(),
                ranked_front: Vec::new(),
                arms: Vec::new(),
            },
            sensitivity: None,
            per_step,
            arena: buffers(lowered),
            classes: test.classes.clone(),
            confusion: integer.confusion.clone(),
            reproduce: None,
            log: prepared.log.clone(),
        })
    }

    /// Puts counted cycles in the place of estimated ones.
    ///
    /// # Errors
    /// Those of [`Limits::of`].
    pub fn set_counted(&mut self, target: &Target, cycles: u64) -> Result<(), BudgetError> {
        let Limits { device, cycles: asked, .. } = Limits::of(target)?;
        let microseconds = |cycles: u64| (1e3 * device.milliseconds(cycles)).round() as u64;
        let constraints = &mut self.constraints;
        constraints.latency_cycles = Some(Limit { asked, used: cycles });
        constraints.latency_us = Some(Limit { asked: asked.map(microseconds), used: microseconds(cycles) });
        constraints.latency_basis = Some(format!("counted {}", device.about_clock()));
        Ok(())
    }

    /// Checks the limits of the target against what the model takes.
    ///
    /// # Errors
    /// [`BudgetError::Exceeded`] with the first that is not kept.
    pub fn keeps_limits(&self) -> Result<(), BudgetError> {
        let Constraints { flash_bytes, ram_bytes, bops, latency_cycles, .. } = &self.constraints;
        let limits = [
            ("flash", Some(flash_bytes)),
            ("RAM", Some(ram_bytes)),
            ("bit operations", bops.as_ref()),
            ("latency in cycles", latency_cycles.as_ref()),
        ];
        for (what, limit) in limits {
            let Some(&Limit { asked: Some(asked), used }) = limit else { continue };
            if used > asked {
                return Err(BudgetError::Exceeded { what, asked, used });
            }
        }
        Ok(())
    }

    /// Sets how the bits were chosen, and what other choices reach.
    pub fn add_choice(&mut self, chosen: Chosen, arms: Vec<Arm>, sensitivities: &Sensitivities) {
        self.assignment = Assignment { arms, ..chosen.assignment };
        self.sensitivity = Some(Sensitivity::of(sensitivities));
    }

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

fn steps(lowered: &Lowered, model: &Model, table: Option<&LatencyTable>) -> Vec<StepReport> {
    let describe = |(info, step): (&crate::lower::StepInfo, runtime::format::Step)| StepReport {
        name: info.name.clone(),
        op: step.op.name().to_owned(),
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

fn layers(steps: &[StepReport]) -> Vec<LayerWidths> {
    let with_weights = steps.iter().filter(|step| step.bits_w > 0);
    let widths = |step: &StepReport| LayerWidths {
        name: step.name.clone(),
        weights: step.bits_w,
        activations: step.bits_a,
    };
    with_weights.map(widths).collect()
}

/// The buffers of a lowered network: its tensors, then the scratch of its steps.
fn buffers(lowered: &Lowered) -> Vec<ArenaBuffer> {
    let tensor = |block: &ArenaBlock| {
        let names: Vec<&str> =
            block.tensors.iter().map(|&i| lowered.network.tensors[i].name.as_str()).collect();
        ArenaBuffer {
            name: names.join(" + "),
            first_step: block.first_step,
            last_step: block.last_step,
            offset: block.offset,
            bytes: block.bytes,
            kind: BufferKind::Tensor,
        }
    };
    let steps = lowered.network.steps.iter().zip(&lowered.network.infos).enumerate();
    let scratch =
        steps.filter(|(_, (step, _))| step.scratch.bytes > 0).map(|(i, (step, info))| ArenaBuffer {
            name: info.name.clone(),
            first_step: i as u32,
            last_step: i as u32,
            offset: step.scratch.offset,
            bytes: step.scratch.bytes,
            kind: BufferKind::Scratch,
        });
    lowered.blocks.iter().map(tensor).chain(scratch).collect()
}

/// Bits of a step's main operand.
pub fn main_bits(op: &Op) -> u32 {
    op.operands().next().map_or(0, |operand| Dtype::from(operand.dtype).bits())
}
