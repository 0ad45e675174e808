//! How far the integers of a lowered network may lie from the float network: a bound for every value, from the
//! operators' Lipschitz constants and the half steps of every tensor on the way.
//!
//! - A stored tensor costs half a step for rounding and at most a quarter for rounded multipliers: an
//!   accumulator's multiplier `m` has a relative error of `1 / 2m`, which is below a quarter step of a result
//!   of 8 bits from `m >= 512` on (the smallest that lowering makes at shift 32 is 1024); 32-bit rescales of
//!   8-bit results keep at least that. A 16-bit result gets `|v| / 2^12` instead: the multipliers of a sum of
//!   two 16-bit numbers and of a 16-bit average over 8 taps have 12 bits or more.
//! - Saturation costs nothing beyond the half step: ranges hold every value of the samples, and a clamp never
//!   moves two numbers apart.
//! - An accumulator's bias is two rounded integers: at most one step `S_x * S_w`.
//! - Rounded weights cost `sum |w - w'| * max |x|`, next to nothing for weights on their grid.

use host_tools::graph::{Activation, Executor, Graph, Op, ValueId};
use host_tools::lower::Lowered;
use kernels::{Dtype, WeightBits};

/// Bound of the absolute error of every value of a folded graph, for these samples.
///
/// # Panics
/// When the samples do not fit the graph.
pub fn error_bound(graph: &Graph, lowered: &Lowered, bits: WeightBits, samples: &[f32]) -> Vec<f64> {
    let mut largest = vec![0f64; graph.values.len()];
    let batch = samples.len() / graph.shape(graph.input).len();
    let max = |data: &[f32]| data.iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
    Executor::new(graph)
        .run_visiting(samples, batch, |value, data| largest[value.0] = max(data))
        .expect("the samples fit");

    let mut errors = vec![0f64; graph.values.len()];
    // A direct input is exact: the samples lie on its grid. Behind raw bytes it is a stored tensor, and a
    // narrower copy is one.
    let direct = !lowered.network.tensors.iter().any(|t| t.name.ends_with("(raw)"));
    let own = lowered.network.tensors.iter().find(|t| direct && t.name == graph.value(graph.input).name);
    errors[graph.input.0] = stored(graph, lowered, graph.input, largest[graph.input.0])
        - own.map_or(0.0, |t| 0.75 * t.params.scale);
    for node in &graph.nodes {
        let x = node.inputs[0];
        let error = |id: &ValueId| errors[id.0];
        let widest = node.inputs.iter().map(error).fold(0.0, f64::max);
        let rows = |weight: &[f32], rows: usize| {
            let (gain, rounded, step) = rows_error(weight, rows, bits);
            gain * widest + rounded * (largest[x.0] + widest) + step * scale(graph, lowered, x)
        };
        let passed = match &node.op {
            Op::Conv(conv) => rows(&conv.weight, conv.cout),
            Op::Dense(dense) => rows(&dense.weight, dense.outputs),
            Op::Add => node.inputs.iter().map(error).sum(),
            Op::BatchNorm(norm) => gain(&norm.affine().scale) * widest,
            Op::ChannelAffine(affine) => gain(&affine.scale) * widest,
            Op::Activation(function) => lipschitz(*function) * widest,
            Op::Pool(_) | Op::Concat | Op::Window(_) | Op::Reshape | Op::Softmax | Op::LogSoftmax => widest,
        };
        errors[node.output.0] = passed + stored(graph, lowered, node.output, largest[node.output.0]);
    }
    errors
}

/// What storing a value costs: nothing where it is fused away, twice where a narrower copy is made.
fn stored(graph: &Graph, lowered: &Lowered, value: ValueId, largest: f64) -> f64 {
    let name = &graph.value(value).name;
    let tensors = lowered.network.tensors.iter().filter(|t| t.name == *name);
    tensors
        .map(|t| {
            let wide = t.spec.dtype == Dtype::I16;
            t.params.scale * 0.5 + if wide { largest / 4096.0 } else { t.params.scale * 0.25 }
        })
        .sum()
}

/// Largest scale that a value is stored in, its own or that of the value it is a shape of.
fn scale(graph: &Graph, lowered: &Lowered, value: ValueId) -> f64 {
    let name = &graph.value(value).name;
    let tensors = lowered.network.tensors.iter().filter(|t| t.name == *name);
    let own = tensors.map(|t| t.params.scale).fold(0.0, f64::max);
    match graph.producer(value).map(|i| &graph.nodes[i]) {
        Some(node) if own == 0.0 => scale(graph, lowered, node.inputs[0]),
        _ => own,
    }
}

fn gain(factors: &[f32]) -> f64 {
    factors.iter().fold(0.0, |m, f| m.max(f64::from(f.abs())))
}

/// Of all rows the largest `sum |w|`, the largest `sum |w - w'|` and the largest `S_w`, by the `max` rule.
fn rows_error(weight: &[f32], rows: usize, bits: WeightBits) -> (f64, f64, f64) {
    let (lo, hi) = bits.range();
    weight.chunks_exact(weight.len() / rows).fold((0f64, 0f64, 0f64), |(gain, rounded, step), row| {
        let max = row.iter().fold(0f64, |m, w| m.max(f64::from(w.abs())));
        let scale = max / f64::from(hi);
        let kept = |w: f64| (w / scale).round_ties_even().clamp(lo.into(), hi.into()) * scale;
        let error = row.iter().map(|&w| (f64::from(w) - kept(w.into())).abs()).sum();
        let sum = row.iter().map(|&w| f64::from(w.abs())).sum();
        (gain.max(sum), rounded.max(error), step.max(scale))
    })
}

fn lipschitz(function: Activation) -> f64 {
    match function {
        Activation::Clip { .. } | Activation::Tanh => 1.0,
        Activation::LeakyRelu { slope } => f64::from(slope.abs()).max(1.0),
        Activation::Sigmoid => 0.25,
        Activation::HardSigmoid { alpha, .. } => f64::from(alpha.abs()),
        Activation::HardSwish => 1.5,
    }
}
