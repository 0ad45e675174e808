//! Derivatives of one node, for every operator of the float graph. With `J` the Jacobian of the node's result by
//! one operand, at the operands' values:
//! - `push` is `J t`, the tangent of the result of a tangent `t`;
//! - `pull` is `J^T g`, the gradient of the operand of the gradient `g` of the result;
//! - `bend` is `(dJ/dt)^T g`, what `pull` changes by when the operand moves along `t`. It is zero for all
//!   operators that are linear or piecewise linear.
//!
//! Kinks (a Relu at 0, two equal maxima) take one side's derivative, as training frameworks do.

mod linear;
mod pointwise;
mod softmax;
mod window;

use crate::graph::{Node, Op, PoolKind, Shape};

pub(super) use linear::Weighted;
pub(super) use softmax::probabilities;

/// Whether a node's function is neither linear nor piecewise linear.
pub(super) fn is_curved(node: &Node) -> bool {
    match &node.op {
        Op::Activation(op) => pointwise::is_curved(*op),
        Op::Softmax | Op::LogSoftmax => true,
        _ => false,
    }
}

/// A node with its operands' values, for some samples.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    /// The node.
    pub node: &'a Node,
    /// Samples.
    pub batch: usize,
    /// Shape and values of every operand, `[batch, h, w, c]`.
    pub operands: Vec<(Shape, &'a [f32])>,
    /// Shape of the result.
    pub output: Shape,
}

impl Site<'_> {
    /// The tangent of the result of the operands' tangents; `None` stands for zeros.
    pub(super) fn push(&self, tangents: &[Option<&[f32]>]) -> Vec<f32> {
        let (shape, x) = self.operands[0];
        let mut out = vec![0.0; self.batch * self.output.len()];
        let first = tangents.iter().copied().flatten().next().unwrap_or_default();
        match &self.node.op {
            Op::Conv(_) | Op::Dense(_) => {
                if let Some(layer) = self.weighted() {
                    layer.forward(first, layer.weight, &mut out);
                }
            }
            Op::BatchNorm(norm) => pointwise::scale(&norm.affine().scale, first, &mut out),
            Op::ChannelAffine(affine) => pointwise::scale(&affine.scale, first, &mut out),
            Op::Activation(op) => pointwise::slope(*op, x, first, &mut out),
            Op::Add => tangents.iter().flatten().for_each(|tangent| pointwise::add(tangent, &mut out)),
            Op::Pool(op) if op.kind == PoolKind::Max => {
                window::max_push(op, shape, self.output, x, first, &mut out);
            }
            Op::Pool(op) => window::average_push(op, shape, self.output, first, &mut out),
            Op::Concat => {
                for (operand, tangent) in tangents.iter().enumerate() {
                    if let Some(tangent) = tangent {
                        let channels = self.channels(operand);
                        window::concat_push(self.output, channels, tangent, &mut out);
                    }
                }
            }
            Op::Window(op) => window::crop_push(op, shape, self.output, first, &mut out),
            Op::Reshape => out.copy_from_slice(first),
            Op::Softmax => softmax::push(x, self.output.c, first, &mut out),
            Op::LogSoftmax => softmax::log_push(x, self.output.c, first, &mut out),
        }
        out
    }

    /// The gradient of an operand of the gradient of the result.
    pub(super) fn pull(&self, operand: usize, gradient: &[f32]) -> Vec<f32> {
        let (shape, x) = self.operands[operand];
        let mut out = vec![0.0; self.batch * shape.len()];
        match &self.node.op {
            Op::Conv(_) | Op::Dense(_) => {
                if let Some(layer) = self.weighted() {
                    layer.input_gradient(gradient, layer.weight, &mut out);
                }
            }
            Op::BatchNorm(norm) => pointwise::scale(&norm.affine().scale, gradient, &mut out),
            Op::ChannelAffine(affine) => pointwise::scale(&affine.scale, gradient, &mut out),
            Op::Activation(op) => pointwise::slope(*op, x, gradient, &mut out),
            Op::Add | Op::Reshape => out.copy_from_slice(gradient),
            Op::Pool(op) if op.kind == PoolKind::Max => {
                window::max_pull(op, shape, self.output, x, gradient, &mut out);
            }
            Op::Pool(op) => window::average_pull(op, shape, self.output, gradient, &mut out),
            Op::Concat => window::concat_pull(self.output, self.channels(operand), gradient, &mut out),
            Op::Window(op) => window::crop_pull(op, shape, self.output, gradient, &mut out),
            Op::Softmax => softmax::pull(x, self.output.c, gradient, &mut out),
            Op::LogSoftmax => softmax::log_pull(x, self.output.c, gradient, &mut out),
        }
        out
    }

    /// What the gradient of the only operand changes by along its tangent, with the gradient of the result held;
    /// `None` where that is zero.
    pub(super) fn bend(&self, tangent: &[f32], gradient: &[f32]) -> Option<Vec<f32>> {
        let (_, x) = self.operands[0];
        let mut out = vec![0.0; x.len()];
        match &self.node.op {
            Op::Activation(op) if pointwise::is_curved(*op) => {
                pointwise::bend(*op, x, tangent, gradient, &mut out);
            }
            Op::Softmax => softmax::bend(x, self.output.c, tangent, gradient, &mut out),
            Op::LogSoftmax => softmax::log_bend(x, self.output.c, tangent, gradient, &mut out),
            _ => return None,
        }
        Some(out)
    }

    /// The channels that an operand of a concatenation has in the result.
    fn channels(&self, operand: usize) -> std::ops::Range<usize> {
        let first = self.operands[..operand].iter().map(|(shape, _)| shape.c).sum();
        first..first + self.operands[operand].0.c
    }
}
