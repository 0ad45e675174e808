//! Convolution, depthwise convolution and dense layer.

use super::{At, scale_down, tap_or_zero, wrap};
use crate::op::{Accumulate, Conv2d, Dense, Depthwise};
use crate::{Tensor, layout};

pub(in super::super) fn conv2d(x: &Tensor, residual: Option<&Tensor>, op: &Conv2d, at: At) -> i32 {
    let [kh, kw] = op.geometry.kernel.map(usize::from);
    let inputs = usize::from(op.group_inputs);
    let row_len = kh * kw * inputs;
    let group = at[2] / usize::from(op.group_outputs);
    let mut sum = 0;
    for ky in 0..kh {
        for kx in 0..kw {
            for i in 0..inputs {
                let q = tap_or_zero(x, &op.geometry, at, [ky, kx], group * inputs + i);
                sum += q * weight(&op.accumulate, at[2], row_len, (ky * kw + kx) * inputs + i);
            }
        }
    }
    finish(&op.accumulate, sum, residual, at)
}

pub(in super::super) fn depthwise(x: &Tensor, residual: Option<&Tensor>, op: &Depthwise, at: At) -> i32 {
    let [kh, kw] = op.geometry.kernel.map(usize::from);
    let channels = usize::from(x.spec().dims.c);
    let mut sum = 0;
    for ky in 0..kh {
        for kx in 0..kw {
            let q = tap_or_zero(x, &op.geometry, at, [ky, kx], at[2]);
            sum += q * weight(&op.accumulate, ky * kw + kx, channels, at[2]);
        }
    }
    finish(&op.accumulate, sum, residual, at)
}

pub(in super::super) fn dense(x: &Tensor, residual: Option<&Tensor>, op: &Dense, at: At) -> i32 {
    let (rows, columns, channels) = x.spec().dims.hwc();
    let row_len = rows * columns * channels;
    let mut sum = 0;
    for i in 0..row_len {
        let (pixel, c) = (i / channels, i % channels);
        let q = i64::from(x.get(pixel / columns, pixel % columns, c));
        sum += q * weight(&op.accumulate, at[2], row_len, i);
    }
    finish(&op.accumulate, sum, residual, at)
}

fn weight(accumulate: &Accumulate, row: usize, row_len: usize, index: usize) -> i64 {
    let bits = accumulate.weight_bits;
    let row_bytes = (row_len * bits.bits() as usize).div_ceil(8);
    let row = &accumulate.weights[row * row_bytes..(row + 1) * row_bytes];
    i64::from(layout::unpack(row, bits, index))
}

fn finish(accumulate: &Accumulate, sum: i64, residual: Option<&Tensor>, [h, w, c]: At) -> i32 {
    let acc = wrap(i64::from(accumulate.bias[c]) + sum);
    let mut scaled = i128::from(acc) * i128::from(accumulate.multipliers[c]);
    if let Some(residual) = residual {
        scaled += i128::from(residual.get(h, w, c)) * i128::from(accumulate.residual_multiplier);
    }
    scale_down(scaled, accumulate.shift, accumulate.clamp)
}
