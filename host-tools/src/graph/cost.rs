//! What a node costs: multiply-accumulates and stored parameters.

use super::{Graph, Node, Op};

impl Graph {
    /// Multiply-accumulates of one sample in convolutions and dense layers; zero for other operators.
    pub fn macs(&self, node: &Node) -> u64 {
        match &node.op {
            Op::Conv(conv) => {
                let positions = self.shape(node.output).len() / conv.cout.max(1);
                positions as u64 * conv.weight.len() as u64
            }
            Op::Dense(dense) => dense.weight.len() as u64,
            _ => 0,
        }
    }

    /// Stored parameters, statistics included; a bias of zeros only does not count.
    pub fn parameters(&self, node: &Node) -> u64 {
        let bias = |b: &[f32]| if b.iter().all(|&v| v == 0.0) { 0 } else { b.len() };
        let count = match &node.op {
            Op::Conv(conv) => conv.weight.len() + bias(&conv.bias),
            Op::Dense(dense) => dense.weight.len() + bias(&dense.bias),
            Op::BatchNorm(norm) => 4 * norm.gamma.len(),
            Op::ChannelAffine(affine) => affine.scale.len() + affine.shift.len(),
            _ => 0,
        };
        count as u64
    }
}
