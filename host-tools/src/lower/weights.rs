//! Weights and biases of one layer as integers, per output channel, with the proof that no input can make
//! the 32-bit accumulator overflow.

use kernels::WeightBits;
use serde::{Deserialize, Serialize};

use crate::calibrate::QuantParams;

/// How a channel's weight scale follows from its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightRule {
    /// `max|w| / (2^(b-1) - 1)`, HAWQ's rule.
    Max,
    /// The scale, at most that of `max`, with the least squared error.
    Mse,
    /// `max` at 8 bits, `mse` below.
    #[default]
    Auto,
}

/// Smallest real multiplier: at it, rounding a weight moves no result by more than 1/128 of a step, whatever the
/// input. Zero points and rounding in the bias are then below 2^22, and kernels may keep 256 times the accumulator
/// in 32 bits.
const SMALLEST_FACTOR: f64 = 1.0 / (1u64 << 14) as f64;

/// Shrink factors tried by [`WeightRule::Mse`].
const MSE_STEPS: usize = 40;

/// How all weight scales are found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightScales {
    /// The rule for channels without a given scale.
    pub rule: WeightRule,
    /// Given scales by layer with weights and output channel, for instance learned ones.
    pub scales: Vec<Vec<f64>>,
}

/// Integers of one output channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Quantised weights, in the layout of the float weights.
    pub weights: Vec<i8>,
    /// `S_w`.
    pub scale: f64,
    /// `M_c = S_x S_w / S_y`.
    pub factor: f64,
    /// `B_c`.
    pub bias: i32,
    /// Largest magnitude that the accumulator can take.
    pub bound: i64,
}

/// Everything around a layer's weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Width of a weight.
    pub bits: WeightBits,
    /// Scale rule.
    pub rule: WeightRule,
    /// Operand.
    pub x: QuantParams,
    /// Smallest and largest integer of the operand.
    pub x_range: (i32, i32),
    /// Result.
    pub y: QuantParams,
    /// Residual operand.
    pub residual: Option<QuantParams>,
}

/// Quantises one output channel with a given scale or by the rule. The scale is coarsened until the accumulator
/// provably fits 32 bits and the multiplier is not tiny; `None` when no scale does it.
pub(super) fn quantize_channel(
    weights: &[f32],
    bias: f32,
    given: Option<f64>,
    context: &Context,
) -> Option<Channel> {
    let smallest = SMALLEST_FACTOR * context.y.scale / context.x.scale;
    let scale = given.unwrap_or_else(|| rule_scale(weights, context.bits, context.rule));
    let mut scale = scale.max(smallest);
    for _ in 0..64 {
        if let Some(channel) = try_scale(weights, bias, scale, context) {
            return Some(channel);
        }
        scale *= 2.0;
    }
    None
}

/// The weight scale of one output channel by a rule; 0 when all weights are 0.
pub(crate) fn rule_scale(weights: &[f32], bits: WeightBits, rule: WeightRule) -> f64 {
    let (_, largest) = bits.range();
    let max = weights.iter().fold(0f64, |m, w| m.max(f64::from(w.abs())));
    let full = max / f64::from(largest);
    match (max > 0.0, rule, bits) {
        (false, ..) => 0.0,
        (true, WeightRule::Max, _) | (true, WeightRule::Auto, WeightBits::W8) => full,
        (true, ..) => least_squares(weights, full, bits),
    }
}

/// What the weights of one output channel become by a rule, as real numbers: what training starts from and what
/// lowering stores, except where the accumulator or the multiplier asks for a coarser scale.
pub(crate) fn rounded(weights: &[f32], bits: WeightBits, rule: WeightRule) -> Vec<f32> {
    let scale = rule_scale(weights, bits, rule);
    if scale == 0.0 {
        return weights.to_vec();
    }
    quantize(weights, scale, bits).into_iter().map(|q| (f64::from(q) * scale) as f32).collect()
}

fn try_scale(weights: &[f32], bias: f32, scale: f64, context: &Context) -> Option<Channel> {
    let quantized = quantize(weights, scale, context.bits);
    let Context { x, y, .. } = context;
    let factor = x.scale * scale / y.scale;
    let zero = f64::from(x.zero_point) * quantized.iter().map(|&q| f64::from(q)).sum::<f64>();
    let residual = context.residual.map_or(0.0, |r| f64::from(r.zero_point) * r.scale / y.scale);
    let rounding = ((f64::from(y.zero_point) + 0.5 - residual) / factor).round_ties_even();
    let bias = (f64::from(bias) / (x.scale * scale)).round_ties_even() - zero + rounding;
    // Every partial sum, in any order, is within this: exact in f64, whose integers reach 2^53.
    let (lo, hi) = context.x_range;
    let taps: f64 = quantized.iter().map(|&q| f64::from(q).abs() * f64::from(lo.abs().max(hi.abs()))).sum();
    let bound = bias.abs() + taps;
    (bound < 2f64.powi(31)).then_some(Channel {
        weights: quantized,
        scale,
        factor,
        bias: bias as i32,
        bound: bound as i64,
    })
}

fn quantize(weights: &[f32], scale: f64, bits: WeightBits) -> Vec<i8> {
    let (lo, hi) = bits.range();
    let round = |w: &f32| (f64::from(*w) / scale).round_ties_even().clamp(lo.into(), hi.into()) as i8;
    weights.iter().map(round).collect()
}

/// The scale between a quarter and all of `full` with the least squared error.
fn least_squares(weights: &[f32], full: f64, bits: WeightBits) -> f64 {
    let error = |scale: f64| -> f64 {
        let quantized = quantize(weights, scale, bits);
        quantized.iter().zip(weights).map(|(&q, &w)| (f64::from(q) * scale - f64::from(w)).powi(2)).sum()
    };
    let candidates = (0..=MSE_STEPS).map(|i| full * (1.0 - 0.75 * i as f64 / MSE_STEPS as f64));
    let best = candidates.map(|s| (error(s), s)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(full, |(_, scale)| scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context(bits: WeightBits, rule: WeightRule) -> Context {
        let q = |scale, zero_point| QuantParams { scale, zero_point };
        Context { bits, rule, x: q(0.02, -128), x_range: (-128, 127), y: q(0.05, 3), residual: None }
    }

    #[test]
    fn the_largest_weight_is_the_largest_integer() {
        let c = quantize_channel(&[0.5, -1.0, 0.25], 0.0, None, &context(WeightBits::W4, WeightRule::Max))
            .unwrap();
        // 3.5 and 1.75 sevenths: half to even.
        assert_eq!(c.weights, [4, -7, 2]);
        assert_eq!(c.scale, 1.0 / 7.0);
    }

    #[test]
    fn rounded_weights_are_those_of_the_channel() {
        let weights: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin()).collect();
        for bits in [WeightBits::W2, WeightBits::W4, WeightBits::W8] {
            let channel = quantize_channel(&weights, 0.0, None, &context(bits, WeightRule::Auto)).unwrap();
            let stored = channel.weights.iter().map(|&q| (f64::from(q) * channel.scale) as f32);
            assert!(rounded(&weights, bits, WeightRule::Auto).into_iter().eq(stored));
        }
        assert_eq!(rounded(&[0.0, 0.0], WeightBits::W4, WeightRule::Auto), [0.0, 0.0]);
    }

    #[test]
    fn dead_and_huge_channels_are_within_bounds() {
        for bits in [WeightBits::W2, WeightBits::W4, WeightBits::W8] {
            let dead = quantize_channel(&[0.0; 9], 5.0, None, &context(bits, WeightRule::Auto)).unwrap();
            assert!(dead.weights.iter().all(|&w| w == 0) && dead.bound < 1 << 31);
            let tiny = quantize_channel(&[1e-20; 9], 1e3, None, &context(bits, WeightRule::Auto)).unwrap();
            assert!(tiny.bound < 1 << 31 && tiny.factor >= SMALLEST_FACTOR);
        }
    }

    proptest! {
        #[test]
        fn the_bound_holds_for_extreme_inputs(w in prop::collection::vec(-2f32..2.0, 1..64), b in -50f32..50.0) {
            let context = context(WeightBits::W8, WeightRule::Max);
            let c = quantize_channel(&w, b, None, &context).unwrap();
            for extreme in [|w: i8| if w > 0 { 127 } else { -128 }, |w: i8| if w > 0 { -128 } else { 127 }] {
                let acc: i64 = i64::from(c.bias) + c.weights.iter().map(|&w| i64::from(w) * extreme(w)).sum::<i64>();
                prop_assert!(acc.abs() <= c.bound && c.bound < 1 << 31);
            }
        }
    }
}
