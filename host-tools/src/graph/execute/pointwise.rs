//! Operators that treat every position alike.

use crate::graph::{Activation, BatchNorm};

pub(super) fn batch_norm(op: &BatchNorm, x: &[f32], out: &mut [f32]) {
    let constants = op.affine();
    affine(&constants.scale, &constants.shift, x, out);
}

pub(super) fn affine(scale: &[f32], shift: &[f32], x: &[f32], out: &mut [f32]) {
    for (x, out) in x.chunks_exact(scale.len()).zip(out.chunks_exact_mut(scale.len())) {
        for (((y, x), s), t) in out.iter_mut().zip(x).zip(scale).zip(shift) {
            *y = x * s + t;
        }
    }
}

pub(super) fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    for ((y, a), b) in out.iter_mut().zip(a).zip(b) {
        *y = a + b;
    }
}

pub(super) fn activation(op: Activation, x: &[f32], out: &mut [f32]) {
    for (y, x) in out.iter_mut().zip(x) {
        *y = match op {
            Activation::Clip { lo, hi } => x.max(lo).min(hi),
            _ => op.apply(f64::from(*x)) as f32,
        };
    }
}

pub(super) fn softmax(x: &[f32], c: usize, log: bool, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(c).zip(out.chunks_exact_mut(c)) {
        // Less the maximum, no exponential overflows.
        let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = x.iter().map(|v| (v - max).exp()).sum();
        for (y, v) in out.iter_mut().zip(x) {
            *y = if log { v - max - sum.ln() } else { (v - max).exp() / sum };
        }
    }
}
