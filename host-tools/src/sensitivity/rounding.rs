//! What rounding costs, layer by layer: squared errors of weights and activations, and two rankings to hold the
//! Hessian against: the error of the layer's output, the change of the loss.

use std::collections::BTreeMap;

use kernels::WeightBits;
use serde::{Deserialize, Serialize};

use super::SensitivityError;
use super::curvature::{Curvature, weight};
use super::hutchinson::Watch;
use crate::calibrate::{Grid, QuantParams};
use crate::graph::{Node, Op};
use crate::lower::{WeightRule, rounded};

/// A number for every width.
pub type ByBits = BTreeMap<u8, f64>;

/// Widths of weights.
pub(super) const WEIGHTS: [WeightBits; 3] = [WeightBits::W8, WeightBits::W4, WeightBits::W2];

/// Weights of a layer on the grids that lowering puts them on, per output channel, by width.
pub(super) fn rounded_weights(node: &Node, rule: WeightRule) -> BTreeMap<u8, Vec<f32>> {
    let channels = match &node.op {
        Op::Conv(conv) => conv.cout,
        Op::Dense(dense) => dense.outputs,
        _ => return BTreeMap::new(),
    };
    let weights = weight(node).unwrap_or_default();
    let row = (weights.len() / channels.max(1)).max(1);
    let on = |bits| weights.chunks_exact(row).flat_map(|row| rounded(row, bits, rule)).collect();
    WEIGHTS.into_iter().map(|bits| (bits.bits() as u8, on(bits))).collect()
}

/// `||W - Q(W)||^2` by width.
pub(super) fn squared_errors(node: &Node, rounded: &BTreeMap<u8, Vec<f32>>) -> ByBits {
    let weights = weight(node).unwrap_or_default();
    rounded.iter().map(|(bits, rounded)| (*bits, squared_distance(weights, rounded))).collect()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// How one layer's operand is stored at a width.
pub(super) type Storages = BTreeMap<u8, (Grid, QuantParams)>;

/// Errors of one layer by width, means over the samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Errors {
    /// Mean squared error of an element of the layer's output, with the weights rounded and all else exact.
    pub output: ByBits,
    /// Squared error of the whole operand of a sample.
    pub operand: ByBits,
}

impl Curvature<'_> {
    /// Errors of every layer, whose weights and operands are rounded as given.
    pub(super) fn errors(
        &self,
        weights: &[BTreeMap<u8, Vec<f32>>],
        operands: &[Storages],
        watch: Watch,
    ) -> Result<Vec<Errors>, SensitivityError> {
        let differences: Vec<BTreeMap<u8, Vec<f32>>> = (self.layers().zip(weights))
            .map(|(node, rounded)| {
                let exact = weight(node).unwrap_or_default();
                let difference = |rounded: &Vec<f32>| rounded.iter().zip(exact).map(|(r, w)| r - w).collect();
                rounded.iter().map(|(bits, rounded)| (*bits, difference(rounded))).collect()
            })
            .collect();
        let len = differences.iter().map(BTreeMap::len).sum::<usize>()
            + operands.iter().map(BTreeMap::len).sum::<usize>();
        let sums = self.sum(len, &|chunk, sums| {
            let tape = self.tape(chunk)?;
            let mut sums = sums.iter_mut();
            for ((node, differences), operands) in self.layers().zip(&differences).zip(operands) {
                let site = tape.site(node);
                let x = site.operands[0].1;
                let mut y = vec![0.0; site.batch * site.output.len()];
                for difference in differences.values() {
                    if let (Some(layer), Some(sum)) = (site.weighted(), sums.next()) {
                        layer.forward(x, difference, &mut y);
                        *sum += y.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
                    }
                }
                for ((grid, params), sum) in operands.values().zip(&mut sums) {
                    let error = |v: &f32| params.rounded(*grid, f64::from(*v)) - f64::from(*v);
                    *sum += x.iter().map(|v| error(v).powi(2)).sum::<f64>();
                }
            }
            watch.piece()
        })?;
        let samples = self.samples() as f64;
        let mut sums = sums.into_iter();
        let mut by_bits = |bits: Vec<u8>, divisor: f64| -> ByBits {
            bits.into_iter().zip(&mut sums).map(|(bits, sum)| (bits, sum / divisor)).collect()
        };
        let layers = self.layers().zip(&differences).zip(operands);
        let errors = layers.map(|((node, weights), operands)| {
            let elements = self.graph.shape(node.output).len() as f64;
            Errors {
                output: by_bits(weights.keys().copied().collect(), samples * elements),
                operand: by_bits(operands.keys().copied().collect(), samples),
            }
        });
        Ok(errors.collect())
    }

    /// How much the loss grows when the weights of one layer alone are rounded, by layer and width.
    pub(super) fn loss_changes(
        &self,
        weights: &[BTreeMap<u8, Vec<f32>>],
        watch: Watch,
    ) -> Result<Vec<ByBits>, SensitivityError> {
        let changed = |index: usize, rounded: &Vec<f32>| {
            let mut node = self.graph.nodes[index].clone();
            match &mut node.op {
                Op::Conv(conv) => conv.weight.clone_from(rounded),
                Op::Dense(dense) => dense.weight.clone_from(rounded),
                _ => {}
            }
            node
        };
        let nodes: Vec<(usize, Node)> = (self.layers.iter().zip(weights))
            .flat_map(|(&index, by_bits)| {
                by_bits.values().map(move |rounded| (index, changed(index, rounded)))
            })
            .collect();
        let sums = self.sum(nodes.len(), &|chunk, sums| {
            let tape = self.tape(chunk)?;
            for ((index, node), sum) in nodes.iter().zip(sums) {
                let outputs = self.executor.run_from(tape.values(), *index, node, tape.samples.len());
                *sum += self.objective.loss(tape.samples.clone(), &outputs) - tape.loss;
                watch.piece()?;
            }
            Ok(())
        })?;
        let mut changes = sums.into_iter().map(|sum| sum / self.samples() as f64);
        Ok(weights.iter().map(|by_bits| by_bits.keys().copied().zip(changes.by_ref()).collect()).collect())
    }
}
