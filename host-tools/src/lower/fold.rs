//! Folds what disappears at inference: BatchNorm and constant factors into the convolution or dense layer
//! before them, unbounded clips and the final Softmax into nothing. The result computes the same floats.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Activation, BatchNorm, ChannelAffine, Graph, Node, Op, ValueId};

/// A layer's weights before its BatchNorm was folded into them.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Weights as stored, in the layout of the layer.
    pub weight: Vec<f32>,
    /// Bias as stored.
    pub bias: Vec<f32>,
    /// The normalisation behind them.
    pub norm: BatchNorm,
}

/// What [`fold`] gives.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The graph without BatchNorm nodes.
    pub graph: Graph,
    /// What was done, for people to read.
    pub log: Vec<String>,
    /// By result of a layer, what was folded where that is exactly one BatchNorm: training keeps it apart.
    pub norms: BTreeMap<ValueId, Norm>,
}

/// Folds a graph.
pub fn fold(graph: &Graph) -> Folded {
    let mut folded = Graph { nodes: Vec::new(), ..graph.clone() };
    let mut log = Vec::new();
    let mut norms: BTreeMap<ValueId, Norm> = BTreeMap::new();
    let mut scaled = BTreeSet::new();
    for node in &graph.nodes {
        let mut node = node.clone();
        let mut norm = None;
        if let Op::BatchNorm(bn) = node.op {
            node.op = Op::ChannelAffine(bn.affine());
            norm = Some(bn);
        }
        match &node.op {
            Op::ChannelAffine(affine) => {
                let only_use = graph.consumers(node.inputs[0]).count() == 1 && graph.output != node.inputs[0];
                let before = folded.nodes.iter_mut().find(|n| only_use && n.output == node.inputs[0]);
                let Some((before, (weight, bias))) = before.and_then(|before| {
                    let constants = constants(&before.op)?;
                    Some((before, constants))
                }) else {
                    folded.nodes.push(node);
                    continue;
                };
                scale_rows(&mut before.op, affine);
                log.push(format!("{}: folded into {}", node.name, before.name));
                let first = norms.remove(&before.output).is_none() && !scaled.contains(&before.output);
                before.output = node.output;
                scaled.insert(node.output);
                if let (Some(norm), true) = (norm, first) {
                    norms.insert(node.output, Norm { weight, bias, norm });
                }
            }
            Op::Softmax | Op::LogSoftmax if node.output == graph.output => {
                log.push(format!("{}: left out, the largest logit is the largest probability", node.name));
                folded.output = node.inputs[0];
            }
            Op::Activation(Activation::Clip { lo, hi })
                if *lo == f32::NEG_INFINITY && *hi == f32::INFINITY =>
            {
                rename(graph, &mut folded, &node);
            }
            _ => folded.nodes.push(node),
        }
    }
    Folded { graph: folded, log, norms }
}

/// Weights and bias of a layer that has them.
fn constants(op: &Op) -> Option<(Vec<f32>, Vec<f32>)> {
    match op {
        Op::Conv(conv) => Some((conv.weight.clone(), conv.bias.clone())),
        Op::Dense(dense) => Some((dense.weight.clone(), dense.bias.clone())),
        _ => None,
    }
}

/// Lets the producer of a node's input write the node's output instead, where nothing else reads the input.
fn rename(graph: &Graph, folded: &mut Graph, node: &Node) {
    let input = node.inputs[0];
    let only_use = graph.consumers(input).count() == 1 && graph.output != input;
    match folded.nodes.iter_mut().find(|n| only_use && n.output == input) {
        Some(producer) => producer.output = node.output,
        None => folded.nodes.push(Node { op: Op::Reshape, ..node.clone() }),
    }
}

/// Multiplies the rows of a layer and shifts its bias.
fn scale_rows(op: &mut Op, affine: &ChannelAffine) {
    let (weight, bias) = match op {
        Op::Conv(conv) => (&mut conv.weight, &mut conv.bias),
        Op::Dense(dense) => (&mut dense.weight, &mut dense.bias),
        _ => return,
    };
    let row = weight.len() / bias.len();
    for (c, (row, bias)) in weight.chunks_exact_mut(row).zip(bias.iter_mut()).enumerate() {
        let (scale, shift) = (affine.scale[c], affine.shift[c]);
        row.iter_mut().for_each(|w| *w *= scale);
        *bias = *bias * scale + shift;
    }
}
