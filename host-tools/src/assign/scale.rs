//! The order of choices as one integer: objective first, then the first measure. Sums and comparisons of such
//! values are exact, in whatever order they are added.

use super::Problem;
use super::allowed::Allowed;

/// What a search makes small.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// The objective.
    Objective,
    /// The sum of a measure.
    Measure(usize),
    /// The bits of activations: the first step towards the least peak memory.
    ActivationBits,
}

/// Bits that the sum over all layers takes. Prices of limits come on top, within `i128`.
const SUM_BITS: u32 = 108;
/// The largest exponent whose power of two is a finite `f64` with room for a mantissa.
const LARGEST_EXPONENT: i32 = 960;

/// Turns goals into integers: `((goal * 2^exponent) << tie_bits | first measure) << shift`.
///
/// Rounding to this grid is below 2^-50 of the largest possible sum for a first measure of 2^52, and below 2^-70
/// for one of 2^32; the `f64` sum of a few layers is no finer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    goal: Goal,
    exponent: i32,
    tie_bits: u32,
    shift: u32,
}

impl Scale {
    pub(super) fn new(problem: &Problem, allowed: &Allowed, goal: Goal) -> Self {
        let total = |cost: &dyn Fn(usize, usize) -> u64| -> u64 {
            let layers = allowed.candidates.iter().enumerate();
            layers.map(|(layer, left)| left.iter().map(|&at| cost(layer, at)).max().unwrap_or(0)).sum()
        };
        let tie_bits = match problem.measures.is_empty() {
            true => 0,
            false => bit_length(total(&|layer, at| problem.layers[layer].candidates[at].costs[0]).into()),
        };
        let mut scale = Self { goal, exponent: 0, tie_bits, shift: 0 };
        if matches!(goal, Goal::Objective) {
            let largest: f64 = allowed
                .candidates
                .iter()
                .enumerate()
                .map(|(layer, left)| {
                    left.iter().map(|&at| problem.layers[layer].candidates[at].objective).fold(0.0, f64::max)
                })
                .sum();
            if largest > 0.0 {
                let room = SUM_BITS as i32 - 1 - tie_bits as i32;
                scale.exponent = (room - largest.log2().ceil() as i32).min(LARGEST_EXPONENT);
            }
        }
        let sum: i128 = allowed
            .candidates
            .iter()
            .enumerate()
            .map(|(layer, left)| left.iter().map(|&at| scale.value(problem, layer, at)).max().unwrap_or(0))
            .sum();
        scale.shift = SUM_BITS.saturating_sub(bit_length(sum));
        scale
    }

    /// The value of a candidate.
    pub(super) fn value(&self, problem: &Problem, layer: usize, candidate: usize) -> i128 {
        let candidate = &problem.layers[layer].candidates[candidate];
        let goal = match self.goal {
            Goal::Objective => (candidate.objective * 2f64.powi(self.exponent)).round() as i128,
            Goal::Measure(measure) => candidate.costs[measure].into(),
            Goal::ActivationBits => candidate.bits.activations.into(),
        };
        (goal << self.tie_bits | i128::from(candidate.costs.first().copied().unwrap_or(0))) << self.shift
    }

    /// The least difference between two values.
    pub(super) fn unit(&self) -> i128 {
        1 << self.shift
    }

    /// The value of a choice.
    pub(super) fn sum(&self, problem: &Problem, candidates: &[usize]) -> i128 {
        candidates.iter().enumerate().map(|(layer, &at)| self.value(problem, layer, at)).sum()
    }

    /// The objective of a value.
    pub(super) fn objective(&self, value: i128) -> f64 {
        (value >> self.shift >> self.tie_bits) as f64 / 2f64.powi(self.exponent)
    }
}

fn bit_length(value: i128) -> u32 {
    i128::BITS - value.leading_zeros()
}
