//! Operators that treat every position alike.

use crate::graph::{Activation, BatchNorm};

pub(super) fn batch_norm(op: &BatchNorm, x: &[f32], out: &mut [f32]) {
    let scale: Vec<_> = op.gamma.iter().zip(&op.var).map(|(g, v)| g / (v + op.epsilon).sqrt()).collect();
    let shift: Vec<_> = op.beta.iter().zip(&op.mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    affine(&scale, &shift, x, out);
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
    let mut map = |f: &dyn Fn(f32) -> f32| out.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x));
    match op {
        Activation::Clip { lo, hi } => out.iter_mut().zip(x).for_each(|(y, x)| *y = x.max(lo).min(hi)),
        Activation::LeakyRelu { slope } => map(&|x| if x > 0.0 { x } else { slope * x }),
        Activation::Sigmoid => map(&|x| 1.0 / (1.0 + (-x).exp())),
        Activation::Tanh => map(&|x| x.tanh()),
        Activation::HardSigmoid { alpha, beta } => map(&|x| (alpha * x + beta).clamp(0.0, 1.0)),
        Activation::HardSwish => map(&|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
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
