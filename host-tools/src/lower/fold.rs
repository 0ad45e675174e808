//! Folds what disappears at inference: BatchNorm and constant factors into the convolution or dense layer
//! before them, unbounded clips and the final Softmax into nothing. The result computes the same floats.

use crate::graph::{Activation, ChannelAffine, Graph, Node, Op};

/// A graph without BatchNorm nodes, and what was done for people to read.
pub fn fold(graph: &Graph) -> (Graph, Vec<String>) {
    let mut folded = Graph { nodes: Vec::new(), ..graph.clone() };
    let mut log = Vec::new();
    for node in &graph.nodes {
        let mut node = node.clone();
        if let Op::BatchNorm(bn) = &node.op {
            node.op = Op::ChannelAffine(bn.affine());
        }
        match &node.op {
            Op::ChannelAffine(affine) => {
                let only_use = graph.consumers(node.inputs[0]).count() == 1 && graph.output != node.inputs[0];
                let before = folded.nodes.iter_mut().find(|n| only_use && n.output == node.inputs[0]);
                let folds = before.is_some_and(|before| {
                    let folds = scale_rows(&mut before.op, affine);
                    if folds {
                        log.push(format!("{}: folded into {}", node.name, before.name));
                        before.output = node.output;
                    }
                    folds
                });
                if !folds {
                    folded.nodes.push(node);
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
    (folded, log)
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

/// Multiplies the rows of a layer and shifts its bias; says whether the operator is such a layer.
fn scale_rows(op: &mut Op, affine: &ChannelAffine) -> bool {
    let (weight, bias) = match op {
        Op::Conv(conv) => (&mut conv.weight, &mut conv.bias),
        Op::Dense(dense) => (&mut dense.weight, &mut dense.bias),
        _ => return false,
    };
    let row = weight.len() / bias.len();
    for (c, (row, bias)) in weight.chunks_exact_mut(row).zip(bias.iter_mut()).enumerate() {
        let (scale, shift) = (affine.scale[c], affine.shift[c]);
        row.iter_mut().for_each(|w| *w *= scale);
        *bias = *bias * scale + shift;
    }
    true
}
