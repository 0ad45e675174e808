//! What a job's sensitivities are measured on: the folded network, samples with targets, the grids of the
//! activations; and a fingerprint of them.

use std::collections::BTreeMap;

use kernels::{Dtype, WeightBits};
use runtime::trace::crc32;

use super::curvature::weight;
use super::report::Origin;
use super::rounding::Storages;
use super::{Objective, SensitivityError, SensitivityOptions};
use crate::calibrate::Grid;
use crate::data::Dataset;
use crate::graph::{Executor, Graph, Node, Op, ValueId};
use crate::job::Job;
use crate::lower::{BitPlan, Layer, LayerBits, LayerOp};
use crate::quantize::{Prepared, QuantizeError};
use crate::train::Loss;

/// Widths of activations.
const ACTIVATIONS: [(u8, Dtype, Grid); 2] = [(8, Dtype::I8, Grid::ACT8), (4, Dtype::U4, Grid::ACT4)];

/// The subject of a job.
#[derive(Debug)]
pub(super) struct Subject {
    pub prepared: Prepared,
    pub input: Vec<f32>,
    pub objective: Objective,
    pub origin: Origin,
    /// How the operand of every layer with weights is stored, in the order of the folded graph's nodes.
    pub operands: Vec<Storages>,
}

impl Subject {
    pub(super) fn of(job: &Job, options: SensitivityOptions) -> Result<Self, SensitivityError> {
        let prepared = Prepared::import(&job.model)?;
        let shape = prepared.graph.shape(prepared.graph.input);
        let data = job.load_spread(shape, options.samples)?;
        let input = data.reals();
        let objective = objective(job.train.loss, &prepared.graph, &data, &input)?;
        let operands = storages(&prepared, job)?;
        let mut bytes: Vec<u8> = bytemuck::cast_slice(&input).to_vec();
        match &objective {
            Objective::CrossEntropy(labels) => bytes.extend_from_slice(bytemuck::cast_slice(labels)),
            Objective::SquaredError(targets) => bytes.extend_from_slice(bytemuck::cast_slice(targets)),
        }
        let origin = Origin {
            network: crc32(&content(&prepared.graph)),
            data: crc32(&bytes),
            ranges: crc32(format!("{operands:?}").as_bytes()),
            loss: job.train.loss,
            seed: job.seed,
            options,
        };
        Ok(Self { prepared, input, objective, origin, operands })
    }

    /// For every layer with weights its node's place among the nodes with weights.
    pub(super) fn order(&self) -> Vec<(&Layer, usize)> {
        let layers = self.prepared.layers.layers.iter().filter(|layer| layer.has_weights());
        layers.filter_map(|layer| Some((layer, place(&self.prepared.graph, layer)?))).collect()
    }

    /// Outputs of the network.
    pub(super) fn outputs(&self) -> usize {
        self.prepared.graph.shape(self.prepared.graph.output).len()
    }

    /// Columns of factors of every layer with weights, by output channel: 1 for the folded weights; for the stored
    /// ones, whose folded form is `f_c w`, the squares of `f_c`.
    pub(super) fn factors(&self) -> Vec<Vec<Vec<f64>>> {
        let graph = &self.prepared.graph;
        let columns = |node: &Node| {
            let ones = vec![1.0; graph.shape(node.output).c];
            let stored = match self.prepared.norms.get(&node.output) {
                Some(norm) => norm.norm.affine().scale.iter().map(|f| f64::from(*f).powi(2)).collect(),
                None => ones.clone(),
            };
            vec![ones, stored]
        };
        nodes(graph).map(columns).collect()
    }
}

/// Nodes with weights.
fn nodes(graph: &Graph) -> impl Iterator<Item = &Node> {
    graph.nodes.iter().filter(|node| weight(node).is_some())
}

/// Place of a layer's node among the nodes with weights. Lowering may have moved the layer.
fn place(graph: &Graph, layer: &Layer) -> Option<usize> {
    let own = match &layer.op {
        LayerOp::Conv(conv) => &conv.weight,
        LayerOp::Dense(dense) => &dense.weight,
        _ => return None,
    };
    let same = |node: &Node| {
        layer.inputs == node.inputs && layer.name.starts_with(&node.name) && weight(node) == Some(own)
    };
    nodes(graph).position(same)
}

fn objective(
    loss: Loss,
    graph: &Graph,
    data: &Dataset,
    input: &[f32],
) -> Result<Objective, SensitivityError> {
    Ok(match loss {
        Loss::CrossEntropy | Loss::Distill => Objective::CrossEntropy(data.labels.clone()),
        Loss::Mse => Objective::SquaredError(Executor::new(graph).run(input, data.len())?),
        Loss::Reconstruct => Objective::SquaredError(input.to_vec()),
    })
}

/// Calibrated grids of the operands of all layers with weights, of either width, as the main job finds them.
fn storages(prepared: &Prepared, job: &Job) -> Result<Vec<Storages>, SensitivityError> {
    let graph = &prepared.graph;
    let calibration = job.load_calibration(graph.shape(graph.input))?;
    let mut storages = vec![BTreeMap::new(); nodes(graph).count()];
    for (bits, dtype, grid) in ACTIVATIONS {
        let layer = LayerBits { weights: WeightBits::W8, activations: dtype };
        let plan = BitPlan::uniform(&prepared.layers, layer, layer, Dtype::I8, Dtype::I16);
        let recipe = prepared.recipe(plan, job, &calibration)?;
        for (node, storages) in nodes(graph).zip(&mut storages) {
            let root: ValueId = prepared.layers.root(node.inputs[0]);
            let params = recipe.ranges.params(root, dtype, graph).map_err(QuantizeError::from)?;
            storages.insert(bits, (grid, params));
        }
    }
    Ok(storages)
}

/// Everything that decides what a network computes.
fn content(graph: &Graph) -> Vec<u8> {
    let mut bytes = Vec::new();
    for node in &graph.nodes {
        let (weight, bias, rest) = match &node.op {
            Op::Conv(conv) => {
                let (taps, channels) = ([conv.kernel, conv.stride, conv.dilation], [conv.cout, conv.groups]);
                (&conv.weight, &conv.bias, format!("conv {taps:?} {channels:?} {:?}", conv.padding))
            }
            Op::Dense(dense) => (&dense.weight, &dense.bias, "dense".to_owned()),
            other => (&Vec::new(), &Vec::new(), format!("{other:?}")),
        };
        bytes.extend_from_slice(bytemuck::cast_slice(weight));
        bytes.extend_from_slice(bytemuck::cast_slice(bias));
        bytes.extend(format!("{rest} {:?} {:?} {}", node.inputs, node.output, node.name).into_bytes());
    }
    bytes.extend(format!("{:?} {:?} {:?}", graph.values, graph.input, graph.output).into_bytes());
    bytes
}
