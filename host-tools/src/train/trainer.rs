//! The network in training: its parameters, the integers that follow from them, and one step of descent.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use kernels::WeightBits;
use runtime::format::Op;

use super::TrainError;
use super::forward::{self, Clipping, Mode, Outputs, Watch};
use super::loss::{Target, loss};
use super::optimizer::State;
use super::options::{ActivationScaling, ClipGradient, Loss, TrainOptions, WeightScaling};
use super::parameters::{Leaves, Parameters};
use crate::calibrate::{Grid, QuantParams, Range, quant_params};
use crate::graph::{Executor, Graph, ValueId};
use crate::lower::{
    self, LayerOp, Layers, LowerError, Lowered, Network, Norm, Recipe, WeightRule, rule_scale,
};

/// A network before training.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// The folded float network.
    pub graph: &'s Graph,
    /// Its layers.
    pub layers: &'s Layers,
    /// BatchNorms that were folded into them.
    pub norms: &'s BTreeMap<ValueId, Norm>,
    /// Bits, calibrated ranges, input.
    pub recipe: &'s Recipe,
}

/// The network in training.
#[derive(Debug)]
pub(super) struct Trainer<'s> {
    source: Source<'s>,
    options: &'s TrainOptions,
    device: Device,
    /// Parameters with their statistics.
    pub parameters: Parameters,
    /// State of the optimiser.
    pub state: State,
    /// Layers with the present weights, BatchNorm folded.
    layers: Layers,
    /// Recipe with the present scales.
    pub recipe: Recipe,
    /// Whether BatchNorms still follow the batch.
    live: bool,
}

/// What one step did.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepResult {
    /// Loss before the step.
    pub loss: f64,
    /// Samples whose class was found.
    pub correct: usize,
}

impl<'s> Trainer<'s> {
    /// Starts from calibrated ranges and the weight scales of post-training quantisation.
    pub(super) fn new(
        source: Source<'s>,
        options: &'s TrainOptions,
        device: Device,
    ) -> Result<Self, TrainError> {
        let network = lower::steps(source.graph, source.layers, source.recipe)?;
        let learned_weights = options.weight_scales == WeightScaling::Learned;
        let channels = network.infos.iter().filter(|info| !info.channels.is_empty());
        let scales: Vec<Vec<f64>> = channels
            .filter(|_| learned_weights)
            .map(|info| info.channels.iter().map(|channel| channel.scale).collect())
            .collect();
        let learned = options.activation_scales == ActivationScaling::Learned;
        let activations = if learned { learned_scales(&network, source.recipe) } else { Vec::new() };
        let live = options.fold_after > 0 && !source.norms.is_empty();
        let norms = if live { source.norms } else { &BTreeMap::new() };
        let parameters = Parameters::new(source.layers, norms, &scales, &activations);
        let state = State::new(&parameters.blocks, options.optimizer);
        let mut recipe = source.recipe.clone();
        if options.weight_scales == WeightScaling::Max {
            recipe.weights.rule = WeightRule::Max;
        }
        let layers = source.layers.clone();
        Ok(Self { source, options, device, parameters, state, layers, recipe, live })
    }

    /// The integer network of the present parameters.
    fn network(&mut self, leaves: &Leaves) -> Result<Network, TrainError> {
        let weighted = self.layers.layers.iter_mut().filter(|layer| layer.has_weights());
        for (index, layer) in weighted.enumerate() {
            let folded = self.parameters.folded(leaves, index);
            let (weight, bias) = match &mut layer.op {
                LayerOp::Conv(conv) => (&mut conv.weight, &mut conv.bias),
                LayerOp::Dense(dense) => (&mut dense.weight, &mut dense.bias),
                _ => continue,
            };
            copy(folded.weight.into_data().as_slice().map_err(|_| TrainError::Damaged)?, weight);
            copy(folded.bias.into_data().as_slice().map_err(|_| TrainError::Damaged)?, bias);
        }
        self.recipe.weights.scales = self.weight_scales();
        for (key, scale) in self.parameters.activation_scales() {
            if let Some(params) = self.recipe.ranges.get_mut(key) {
                params.scale = scale.into();
            }
        }
        // Before the first step the same network could be lowered: what fails now, descent has done.
        lower::steps(self.source.graph, &self.layers, &self.recipe).map_err(|error| match error {
            LowerError::Scale { layer } | LowerError::Overflow { layer, .. } => TrainError::Scales { layer },
            error => error.into(),
        })
    }

    fn weight_scales(&self) -> Vec<Vec<f64>> {
        match self.options.weight_scales {
            WeightScaling::Max => Vec::new(),
            WeightScaling::Learned if self.live => Vec::new(),
            WeightScaling::Learned => (0..self.parameters.layers())
                .map(|layer| {
                    let scales = self.parameters.weight_scale_values(layer).unwrap_or_default();
                    scales.iter().map(|&s| s.into()).collect()
                })
                .collect(),
            WeightScaling::Percentile => self
                .weighted()
                .map(|(rows, bits)| {
                    rows.map(|row| percentile_scale(row, bits, self.options.percentile)).collect()
                })
                .collect(),
        }
    }

    /// The folded weights of every layer, by output channel, with their width.
    fn weighted(&self) -> impl Iterator<Item = (std::slice::ChunksExact<'_, f32>, WeightBits)> {
        let layers = self.layers.layers.iter().filter_map(|layer| match &layer.op {
            LayerOp::Conv(conv) => Some((&conv.weight, conv.bias.len())),
            LayerOp::Dense(dense) => Some((&dense.weight, dense.bias.len())),
            _ => None,
        });
        let bits = self.recipe.bits.layers.iter().map(|b| b.weights);
        layers.zip(bits).map(|((weight, rows), bits)| (weight.chunks_exact(weight.len() / rows.max(1)), bits))
    }

    /// Freezes the statistics of every BatchNorm and folds it for good: from here on the folded weights are the
    /// parameters. Descent on weights and gamma apart would move the folded weights of a channel by the square of
    /// gamma over its deviation, which is large where a channel is nearly dead.
    pub(super) fn fold(&mut self) -> Result<(), TrainError> {
        if !self.live {
            return Ok(());
        }
        // While live, the weight scales are those of the rule: this fills in the folded weights.
        self.network(&self.parameters.leaves(&self.device))?;
        self.live = false;
        let folded = self.layers.layers.iter().filter_map(|layer| match &layer.op {
            LayerOp::Conv(conv) => Some((conv.weight.clone(), conv.bias.clone())),
            LayerOp::Dense(dense) => Some((dense.weight.clone(), dense.bias.clone())),
            _ => None,
        });
        for (layer, (weight, bias)) in folded.enumerate() {
            for block in self.parameters.set_folded(layer, weight, bias) {
                self.state.forget(block);
            }
        }
        let scales: Vec<Vec<f32>> = self
            .weighted()
            .map(|(rows, bits)| {
                let scale =
                    |row| rule_scale(row, bits, WeightRule::Auto).max(f64::from(f32::MIN_POSITIVE)) as f32;
                rows.map(scale).collect()
            })
            .collect();
        for (layer, scales) in scales.into_iter().enumerate() {
            self.parameters.set_weight_scale(layer, scales);
        }
        Ok(())
    }

    /// Whether BatchNorms follow the batch.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// Puts back whether BatchNorms follow the batch.
    pub(super) fn set_live(&mut self, live: bool) {
        self.live = live;
    }

    /// The network as it will be written: every BatchNorm folded with its present statistics.
    pub(super) fn lowered(&mut self) -> Result<(Layers, Recipe, Lowered), TrainError> {
        let leaves = self.parameters.leaves(&Device::flex());
        self.network(&leaves)?;
        let lowered = lower::lower(self.source.graph, &self.layers, &self.recipe)?;
        Ok((self.layers.clone(), self.recipe.clone(), lowered))
    }

    /// One forward pass without gradients, folded.
    pub(super) fn evaluate(&mut self, input: &[u8]) -> Result<(Network, Outputs), TrainError> {
        let device = self.device.clone().without_autodiff();
        let leaves = self.parameters.leaves(&device);
        let network = self.network(&leaves)?;
        let mode = Mode { clipping: Clipping::Masked, live_norms: false, watch: Watch::Nothing };
        let outputs = forward::forward(&network, &self.parameters, &leaves, &device, input, mode)?;
        Ok((network, outputs))
    }

    /// One step of descent on a batch of packed inputs with their real values.
    pub(super) fn step(
        &mut self,
        input: &[u8],
        real: &[f32],
        labels: &[u32],
        rate: f64,
    ) -> Result<StepResult, TrainError> {
        let leaves = self.parameters.leaves(&self.device);
        let network = self.network(&leaves)?;
        let outputs =
            forward::forward(&network, &self.parameters, &leaves, &self.device, input, self.mode())?;
        let target = match self.options.loss {
            Loss::Reconstruct => real.to_vec(),
            loss if loss.needs_teacher() => self.teacher(real, labels.len())?,
            _ => Vec::new(),
        };
        let target = Target { labels, real: &target };
        let correct = correct(&outputs, labels)?;
        let loss = loss(outputs.logits.clone(), &target, self.options);
        let value = scalar(loss.clone().into_data())?;
        let tape = loss.backward();
        let gradients: Vec<Option<Vec<f32>>> = leaves
            .tensors
            .iter()
            .map(|leaf| leaf.grad(&tape).and_then(|gradient| gradient.into_data().try_into_vec::<f32>().ok()))
            .collect();
        self.check(value, &gradients)?;
        self.state.step(&mut self.parameters.blocks, &gradients, rate, self.options);
        self.follow(&outputs)?;
        Ok(StepResult { loss: value, correct })
    }

    fn mode(&self) -> Mode {
        let clipping = match self.options.clip_gradient {
            ClipGradient::Masked => Clipping::Masked,
            ClipGradient::Open => Clipping::Open,
        };
        let watch = match self.options.activation_scales {
            ActivationScaling::Learned => Watch::Nothing,
            ActivationScaling::MovingAverage => Watch::Extremes,
            ActivationScaling::Percentile => Watch::Percentile(self.options.percentile),
        };
        Mode { clipping, live_norms: self.live, watch }
    }

    fn teacher(&self, real: &[f32], samples: usize) -> Result<Vec<f32>, TrainError> {
        let executor = Executor::new(self.source.graph);
        Ok(executor.run(real, samples).map_err(lower::LowerError::from)?)
    }

    /// Names the first layer whose numbers are no numbers.
    fn check(&self, loss: f64, gradients: &[Option<Vec<f32>>]) -> Result<(), TrainError> {
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
        let blocks = self.parameters.blocks.iter().zip(gradients);
        let broken = blocks.clone().find(|(_, gradient)| !gradient.as_deref().is_none_or(finite));
        match broken {
            Some((block, _)) => Err(TrainError::NotFinite { layer: block.name.clone() }),
            None if !loss.is_finite() => Err(TrainError::NotFinite { layer: "the loss".to_owned() }),
            None => Ok(()),
        }
    }

    /// Moves ranges and statistics towards those of the batch.
    fn follow(&mut self, outputs: &Outputs) -> Result<(), TrainError> {
        let momentum = self.options.momentum_ranges;
        for observed in &outputs.observed {
            let (key, grid) = (observed.key, observed.key.1);
            let Some(params) = self.recipe.ranges.get_mut(key) else { continue };
            let (lo, hi) = span(*params, grid);
            let mix = |old: f64, new: f64| momentum * old + (1.0 - momentum) * new;
            if let Some(range) = Range::new(mix(lo, observed.lo), mix(hi, observed.hi)) {
                *params = quant_params(range, grid);
            }
        }
        for batch in &outputs.statistics {
            let Some(statistics) = &mut self.parameters.statistics[batch.layer] else { continue };
            for (stored, new) in [(&mut statistics.mean, &batch.mean), (&mut statistics.var, &batch.var)] {
                let new = new.clone().into_data();
                let new = new.as_slice::<f32>().map_err(|_| TrainError::Damaged)?;
                stored
                    .iter_mut()
                    .zip(new)
                    .for_each(|(s, n)| *s = NORM_MOMENTUM * *s + (1.0 - NORM_MOMENTUM) * n);
            }
        }
        Ok(())
    }

    /// The layer whose weights feel the largest gradient for their size: where divergence begins.
    pub(super) fn steepest(&self) -> String {
        let norm = |values: &[f32]| values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let ratio = |index: usize, values: &[f32]| self.state.velocity(index) / norm(values).max(1e-12);
        let blocks = self.parameters.blocks.iter().enumerate();
        let steepest = blocks.max_by(|a, b| ratio(a.0, &a.1.values).total_cmp(&ratio(b.0, &b.1.values)));
        steepest.map(|(_, block)| block.name.clone()).unwrap_or_default()
    }
}

/// Weight of the past in the statistics of live BatchNorms (HAWQ: 0.99).
const NORM_MOMENTUM: f32 = 0.99;

fn copy(values: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(values).for_each(|(to, v)| *to = *v);
}

fn scalar(data: burn::tensor::TensorData) -> Result<f64, TrainError> {
    let values = data.as_slice::<f32>().map_err(|_| TrainError::Damaged)?;
    values.first().map(|&v| v.into()).ok_or(TrainError::Damaged)
}

fn correct(outputs: &Outputs, labels: &[u32]) -> Result<usize, TrainError> {
    let data = outputs.logits.clone().detach().into_data();
    let logits = data.as_slice::<f32>().map_err(|_| TrainError::Damaged)?;
    let rows = logits.chunks_exact(logits.len() / labels.len().max(1));
    let found = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i as u32);
    Ok(rows.zip(labels).filter(|(row, label)| found(row) == Some(**label)).count())
}

/// The tensors whose scales can be learned: results of requantising steps, but not the input, whose scale the
/// data decide, nor the output, whose scale decides nothing, nor results of tables.
fn learned_scales(network: &Network, recipe: &Recipe) -> Vec<((ValueId, Grid), String, f64)> {
    let tensor = |offset: u32| &network.tensors[offset as usize];
    let mut fixed: BTreeSet<_> =
        [network.input.offset, network.output.offset].into_iter().filter_map(|t| tensor(t).grid).collect();
    let tables = network.steps.iter().filter(|step| matches!(step.op, Op::Table { .. }));
    fixed.extend(tables.filter_map(|step| tensor(step.output.offset).grid));
    let mut learned = Vec::new();
    for step in &network.steps {
        let tensor = tensor(step.output.offset);
        let Some(key) = tensor.grid.filter(|key| !fixed.contains(key)) else { continue };
        let known = recipe.ranges.iter().any(|(k, _)| *k == key);
        if known && fixed.insert(key) {
            learned.push((key, tensor.name.clone(), tensor.params.scale));
        }
    }
    learned
}

/// The real values at both ends of a grid.
fn span(params: QuantParams, grid: Grid) -> (f64, f64) {
    let (lo, hi) = grid.bounds();
    let real = |q: i32| params.scale * f64::from(q - params.zero_point);
    (real(lo), real(hi))
}

/// The scale that leaves out the outermost weights on both sides.
fn percentile_scale(row: &[f32], bits: WeightBits, percentile: f64) -> f64 {
    let mut magnitudes: Vec<f32> = row.iter().map(|w| w.abs()).collect();
    let Some(last) = magnitudes.len().checked_sub(1) else { return 0.0 };
    let rank = ((last as f64 * percentile / 100.0).round() as usize).min(last);
    let (_, limit, _) = magnitudes.select_nth_unstable_by(rank, f32::total_cmp);
    f64::from(*limit) / f64::from(bits.range().1)
}
