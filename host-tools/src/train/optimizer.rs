//! Optimisers on plain vectors: parameters are few beside activations, and their state is part of every
//! checkpoint, byte for byte.

use serde::{Deserialize, Serialize};

use super::options::{Optimizer, TrainOptions};
use super::parameters::{Block, Kind};

/// Decay of Adam's averages and what keeps its divisor from 0 (Kingma and Ba 2015, algorithm 1).
const ADAM: (f32, f32, f32) = (0.9, 0.999, 1e-8);

/// Least size that biases count as having: they may start at 0 (Shazeer and Stern 2018, section 8).
const LEAST_BIAS: f32 = 1e-3;

/// Scales change at most by this factor in one step, so that they stay positive.
const SCALE_STEP: f32 = 1.25;

/// State of the optimiser by block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// First moment: velocity of SGD, mean gradient of Adam.
    first: Vec<Vec<f32>>,
    /// Second moment of Adam; empty for SGD.
    second: Vec<Vec<f32>>,
    steps: u64,
}

impl State {
    /// The state before the first step.
    pub(super) fn new(blocks: &[Block], optimizer: Optimizer) -> Self {
        let zeros = || -> Vec<Vec<f32>> { blocks.iter().map(|b| vec![0.0; b.values.len()]).collect() };
        let second = if optimizer == Optimizer::Adam { zeros() } else { Vec::new() };
        Self { first: zeros(), second, steps: 0 }
    }

    /// Norm of a block's velocity or mean gradient.
    pub(super) fn velocity(&self, block: usize) -> f64 {
        self.first[block].iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
    }

    /// Forgets the moments of a block whose values were replaced.
    pub(super) fn forget(&mut self, block: usize) {
        self.first[block].fill(0.0);
        if let Some(second) = self.second.get_mut(block) {
            second.fill(0.0);
        }
    }

    /// Changes every block that has a gradient. `rate` is the learning rate of this step.
    pub(super) fn step(
        &mut self,
        blocks: &mut [Block],
        gradients: &[Option<Vec<f32>>],
        rate: f64,
        options: &TrainOptions,
    ) {
        self.steps += 1;
        let factor = clip_factor(gradients, options.clip_norm);
        for (index, (block, gradient)) in blocks.iter_mut().zip(gradients).enumerate() {
            let Some(gradient) = gradient else { continue };
            let scale = matches!(block.kind, Kind::WeightScale | Kind::ActivationScale);
            let rate = (if scale { rate * options.scale_rate } else { rate }) as f32;
            let decay = if block.kind == Kind::Weight { options.decay as f32 } else { 0.0 };
            let gradient = gradient.iter().map(|g| g * factor);
            let before = scale.then(|| block.values.clone());
            match self.second.get_mut(index) {
                None => {
                    sgd(&mut block.values, gradient, &mut self.first[index], rate, decay, options.momentum)
                }
                Some(second) => {
                    let sizes = sizes(block);
                    let moments = (self.first[index].as_mut_slice(), second.as_mut_slice());
                    adam(&mut block.values, gradient, moments, &sizes, rate, decay, self.steps);
                }
            }
            for (value, before) in block.values.iter_mut().zip(before.iter().flatten()) {
                *value = value.clamp(before / SCALE_STEP, before * SCALE_STEP);
            }
        }
    }
}

fn sgd(
    values: &mut [f32],
    gradient: impl Iterator<Item = f32>,
    velocity: &mut [f32],
    rate: f32,
    decay: f32,
    momentum: f64,
) {
    let momentum = momentum as f32;
    for ((value, gradient), velocity) in values.iter_mut().zip(gradient).zip(velocity) {
        *velocity = momentum * *velocity + gradient + decay * *value;
        *value -= rate * *velocity;
    }
}

/// Root mean square of every row. Adam's steps have one size whatever the gradients; folding BatchNorm makes channels
/// of very different sizes, and scales are small numbers, so each row steps in units of its own size (Shazeer and
/// Stern 2018, section 8).
fn sizes(block: &Block) -> Vec<f32> {
    let length = (block.values.len() / block.rows.max(1)).max(1);
    let least = if block.kind == Kind::Affine { LEAST_BIAS } else { 0.0 };
    let size = |row: &[f32]| (row.iter().map(|v| v * v).sum::<f32>() / length as f32).sqrt().max(least);
    block.values.chunks(length).map(size).collect()
}

fn adam(
    values: &mut [f32],
    gradient: impl Iterator<Item = f32>,
    (first, second): (&mut [f32], &mut [f32]),
    sizes: &[f32],
    rate: f32,
    decay: f32,
    steps: u64,
) {
    let (b1, b2, epsilon) = ADAM;
    let unbias = |beta: f32| 1.0 - f64::from(beta).powi(steps.min(1 << 20) as i32) as f32;
    let (unbias1, unbias2) = (unbias(b1), unbias(b2));
    let length = values.len() / sizes.len().max(1);
    let sizes = sizes.iter().flat_map(|size| std::iter::repeat_n(*size, length));
    for ((((value, gradient), m), v), size) in
        values.iter_mut().zip(gradient).zip(first).zip(second).zip(sizes)
    {
        *m = b1 * *m + (1.0 - b1) * gradient;
        *v = b2 * *v + (1.0 - b2) * gradient * gradient;
        *value -= rate * (size * (*m / unbias1 / ((*v / unbias2).sqrt() + epsilon)) + decay * *value);
    }
}

/// What brings the norm of all gradients down to `limit`.
fn clip_factor(gradients: &[Option<Vec<f32>>], limit: f64) -> f32 {
    if limit <= 0.0 {
        return 1.0;
    }
    let squares = gradients.iter().flatten().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>();
    (limit / squares.sqrt().max(limit)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: Kind) -> Vec<Block> {
        vec![Block { name: "x".into(), kind, rows: 1, values: vec![1.0] }]
    }

    #[test]
    fn sgd_keeps_its_velocity_and_decays_weights_only() {
        let options = TrainOptions { momentum: 0.5, decay: 0.25, ..TrainOptions::default() };
        let mut weight = block(Kind::Weight);
        let mut state = State::new(&weight, Optimizer::Sgd);
        state.step(&mut weight, &[Some(vec![1.0])], 0.5, &options);
        assert_eq!(weight[0].values, [1.0 - 0.5 * 1.25]);
        state.step(&mut weight, &[Some(vec![0.0])], 0.5, &options);
        assert_eq!(weight[0].values, [0.375 - 0.5 * (0.625 + 0.25 * 0.375)]);
        let mut affine = block(Kind::Affine);
        State::new(&affine, Optimizer::Sgd).step(&mut affine, &[Some(vec![1.0])], 0.5, &options);
        assert_eq!(affine[0].values, [0.5]);
    }

    #[test]
    fn scales_stay_positive() {
        let mut scale = block(Kind::ActivationScale);
        let mut state = State::new(&scale, Optimizer::Sgd);
        state.step(&mut scale, &[Some(vec![1e9])], 1.0, &TrainOptions::default());
        assert_eq!(scale[0].values, [1.0 / SCALE_STEP]);
    }

    #[test]
    fn the_first_step_of_adam_is_the_rate() {
        let options = TrainOptions { decay: 0.0, ..TrainOptions::default() };
        let mut weight = block(Kind::Weight);
        State::new(&weight, Optimizer::Adam).step(&mut weight, &[Some(vec![123.0])], 0.125, &options);
        // (1 - b1) g / (1 - b1) is g only up to rounding: two roundings of 2^-24 each, times the step of 1/8.
        assert!((weight[0].values[0] - 0.875).abs() < 1e-6);
    }

    #[test]
    fn rows_step_in_units_of_their_own_size() {
        let options = TrainOptions { decay: 0.0, ..TrainOptions::default() };
        let values = vec![3.0, 4.0, 0.003, 0.004];
        let mut weight =
            vec![Block { name: "x".into(), kind: Kind::Weight, rows: 2, values: values.clone() }];
        let gradient = vec![5.0, -0.25, 5.0, -0.25];
        State::new(&weight, Optimizer::Adam).step(&mut weight, &[Some(gradient)], 0.125, &options);
        let steps: Vec<f32> =
            weight[0].values.iter().zip(&values).map(|(after, before)| before - after).collect();
        // sqrt((9 + 16) / 2) / 8, each to a few roundings of 2^-24 of the value that it was taken from.
        for (step, want) in
            steps.iter().zip([0.441_941_74, -0.441_941_74, 0.000_441_941_74, -0.000_441_941_74])
        {
            assert!((step - want).abs() < 2e-6 * want.abs(), "{step} {want}");
        }
    }

    #[test]
    fn a_scale_that_is_small_takes_small_steps() {
        let options = TrainOptions::default();
        let mut scale = block(Kind::WeightScale);
        scale[0].values = vec![1e-5];
        State::new(&scale, Optimizer::Adam).step(&mut scale, &[Some(vec![1.0])], 0.001, &options);
        // 1e-5 (1 - 0.001) up to roundings of 2^-24.
        assert!((scale[0].values[0] / 0.999e-5 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn clipping_bounds_the_norm() {
        let gradients = [Some(vec![3.0]), None, Some(vec![4.0])];
        assert_eq!(clip_factor(&gradients, 0.0), 1.0);
        assert_eq!(clip_factor(&gradients, 10.0), 1.0);
        assert_eq!(clip_factor(&gradients, 2.5), 0.5);
    }
}
