//! Convolutions and dense layers: the kernels of `convolution`, with a bias.

use crate::convolution::{self, Geometry};
use crate::graph::{Conv, Dense, Shape};

use super::Operand;

pub(super) fn dense(op: &Dense, x: &[f32], out: &mut [f32]) {
    let geometry = Geometry {
        batch: x.len() / op.inputs.max(1),
        input: [1, 1, op.inputs],
        output: [1, 1, op.outputs],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
        groups: 1,
    };
    convolution::forward(&geometry, x, &op.weight, out);
    add(&op.bias, out);
}

pub(super) fn conv(op: &Conv, x: Operand, shape: Shape, out: &mut [f32]) {
    let geometry = Geometry {
        batch: x.data.len() / x.shape.len().max(1),
        input: [x.shape.h, x.shape.w, x.shape.c],
        output: [shape.h, shape.w, shape.c],
        kernel: op.kernel,
        stride: op.stride,
        dilation: op.dilation,
        pad: [op.padding.top, op.padding.left],
        groups: op.groups,
    };
    convolution::forward(&geometry, x.data, &op.weight, out);
    add(&op.bias, out);
}

fn add(bias: &[f32], out: &mut [f32]) {
    for pixel in out.chunks_exact_mut(bias.len().max(1)) {
        pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
}
