//! Convolutions and dense layers: the kernels of `convolution`, with a bias.

use crate::convolution;
use crate::graph::{Conv, Dense, Shape};

use super::Operand;

pub(super) fn dense(op: &Dense, x: &[f32], out: &mut [f32]) {
    convolution::forward(&op.geometry(x.len() / op.inputs.max(1)), x, &op.weight, out);
    add(&op.bias, out);
}

pub(super) fn conv(op: &Conv, x: Operand, shape: Shape, out: &mut [f32]) {
    let geometry = op.geometry(x.data.len() / x.shape.len().max(1), x.shape, shape);
    convolution::forward(&geometry, x.data, &op.weight, out);
    add(&op.bias, out);
}

fn add(bias: &[f32], out: &mut [f32]) {
    for pixel in out.chunks_exact_mut(bias.len().max(1)) {
        pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
}
