//! Maximum and average pooling.

use super::elementwise::rescale_value;
use super::{At, tap};
use crate::op::{AveragePool, Geometry, MaxPool, PoolGeometry};
use crate::{Dtype, Tensor};

pub(in super::super) fn max_pool(x: &Tensor, op: &MaxPool, at: At) -> i32 {
    let lowest = match x.spec().dtype {
        Dtype::U4 => 0,
        Dtype::I8 => -128,
        Dtype::I16 => -32_768,
    };
    let largest = window(x, &op.geometry, at).max().unwrap_or(lowest);
    largest.clamp(i32::from(op.clamp.lo), i32::from(op.clamp.hi))
}

pub(in super::super) fn average_pool(x: &Tensor, op: &AveragePool, at: At) -> i32 {
    let taps = usize::from(op.geometry.kernel[0]) * usize::from(op.geometry.kernel[1]);
    let inside = window(x, &op.geometry, at).count();
    let mut sum: i64 = window(x, &op.geometry, at).map(i64::from).sum();
    let mut entry = inside.max(1) - 1;
    if op.multipliers.len() == 1 {
        sum += i64::from(x.spec().zero) * (taps - inside) as i64;
        entry = 0;
    }
    rescale_value(sum, op.multipliers[entry], op.offsets[entry], op.shift, op.clamp)
}

/// The elements of a window that lie inside the input.
fn window(x: &Tensor, geometry: &PoolGeometry, at: At) -> impl Iterator<Item = i32> {
    let PoolGeometry { kernel, stride, pad } = *geometry;
    let geometry = Geometry { kernel, stride, dilation: [1, 1], pad };
    let [kh, kw] = kernel.map(usize::from);
    (0..kh * kw).filter_map(move |i| {
        let [h, w] = tap(&geometry, at, [i / kw, i % kw], &x.spec())?;
        Some(x.get(h, w, at[2]))
    })
}
