//! Our kernels equal the portable forms, integers equal the runtime's arithmetic, gradients equal differences.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use kernels::numerics::{self, Clamp};
use proptest::prelude::*;

use super::{Geometry, Inputs, Integers, Kernels, Rule, portable};

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn values(tensor: &FlexTensor) -> Vec<f32> {
    tensor.to_contiguous().as_slice::<f32>().unwrap().to_vec()
}

/// Integers in f32: sums of them are exact, so equality may be asked for.
fn integers(count: usize, seed: u64, magnitude: i64) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as i64 % (2 * magnitude + 1) - magnitude
    };
    (0..count).map(|_| next() as f32).collect()
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let sizes = (1usize..3, 3usize..7, 3usize..7, 1usize..4, 1usize..4);
    (sizes, 1usize..4, 1usize..3, 1usize..3, 0usize..2, 1usize..3).prop_map(
        |((batch, h, w, ci, co), kernel, stride, dilation, pad, groups)| {
            let (ci, co) = (ci * groups, co * groups);
            let taps = (kernel - 1) * dilation + 1;
            let along = |size: usize| (size + 2 * pad).saturating_sub(taps) / stride + 1;
            Geometry {
                batch,
                input: [h, w, ci],
                output: [along(h), along(w), co],
                kernel: [kernel, kernel],
                stride: [stride, stride],
                dilation: [dilation, dilation],
                pad: [pad, pad],
                groups,
            }
        },
    )
}

fn rule(integers: Integers, clamp: (i32, i32), zero: i32, residual_gain: f32) -> Rule {
    let pass = (clamp.0 as f32 - 0.5, clamp.1 as f32 + 0.5);
    Rule { integers: Some(integers), residual_gain, clamp, zero, pass, scale_factor: 0.25 }
}

proptest! {
    #[test]
    fn convolutions_equal_the_portable_ones(g in geometry(), seed: u64) {
        let [h, w, c] = g.input;
        let shape = super::weight_shape(&g);
        let x = tensor(integers(g.batch * h * w * c, seed, 9), [g.batch, h, w, c]);
        let weight = tensor(integers(shape.iter().product(), !seed, 9), shape);
        let y = Flex::convolve(x.clone(), weight.clone(), &g);
        prop_assert_eq!(values(&y), values(&portable::convolve::<Flex>(x.clone(), weight.clone(), &g)));
        let [oh, ow, co] = g.output;
        let gradient = tensor(integers(g.batch * oh * ow * co, seed ^ 5, 9), [g.batch, oh, ow, co]);
        let ours = Flex::convolve_input(gradient.clone(), weight.clone(), &g);
        let other = portable::convolve_input::<Flex>(gradient.clone(), weight, &g);
        prop_assert_eq!(values(&ours), values(&other));
        let ours = Flex::convolve_weight(x.clone(), gradient.clone(), &g);
        let other = portable::convolve_weight::<Flex>(x, gradient, &g);
        prop_assert_eq!(values(&ours), values(&other));
    }

    #[test]
    fn requantisation_is_the_runtimes(
        a in prop::collection::vec(-(1i32 << 24)..(1 << 24), 12),
        b in prop::collection::vec(-32768i32..32768, 12),
        m in prop::collection::vec(1i32..i32::MAX, 4),
        residual in 1i32..i32::MAX,
        shift in 0u8..=62,
        bias in -1000i64..1000,
        zero in -128i32..128,
    ) {
        let clamp = Clamp { lo: -128, hi: 127 };
        let offsets = m.iter().map(|&m| bias * i64::from(m)).collect();
        let constants = Integers {
            multipliers: m.iter().map(|&m| m.into()).collect(),
            offsets,
            residual: residual.into(),
            shift: shift.into(),
        };
        let rule = rule(constants, (-128, 127), zero, 0.5);
        let row = |v: &[i32]| tensor(v.iter().map(|&v| v as f32).collect(), [1, 3, 1, 4]);
        let ones = tensor(vec![1.0; 4], [4]);
        let inputs = |b: Option<FlexTensor>| Inputs::<Flex> {
            a: row(&a), b, gain: ones.clone(), shift: ones.clone(), scale: tensor(vec![1.0], [1]),
        };
        let model = |with: bool| -> Vec<f32> {
            let one = |(i, (&a, &b)): (usize, (&i32, &i32))| {
                let acc = a + bias as i32;
                let y = if with {
                    numerics::requantize_sum(acc, m[i % 4], b, residual, shift, clamp)
                } else {
                    numerics::requantize(acc, m[i % 4], shift, clamp)
                };
                (y - zero) as f32
            };
            a.iter().zip(&b).enumerate().map(one).collect()
        };
        for (inputs, with) in [(inputs(None), false), (inputs(Some(row(&b))), true)] {
            prop_assert_eq!(values(&Flex::requantize(&inputs, &rule)), model(with));
            prop_assert_eq!(values(&portable::requantize::<Flex>(&inputs, &rule)), model(with));
        }
    }

    #[test]
    fn straight_through_gradients_equal_the_portable_ones(seed: u64, shared: bool, live: bool) {
        // Quarters and small integers: every sum is exact whatever its order.
        let quarter = |v: Vec<f32>| -> Vec<f32> { v.into_iter().map(|v| v / 4.0).collect() };
        let entries = if shared { 1 } else { 4 };
        let constants = Integers { multipliers: vec![1], offsets: vec![0], residual: 1, shift: 0 };
        let mut rule = rule(constants, (-8, 7), 2, 0.5);
        if live {
            rule.integers = None;
        }
        let row = |seed| tensor(integers(24, seed, 9), [2, 3, 1, 4]);
        let inputs = Inputs::<Flex> {
            a: row(seed),
            b: Some(row(seed ^ 7)),
            gain: tensor(quarter(integers(entries, seed ^ 1, 9)), [entries]),
            shift: tensor(quarter(integers(entries, seed ^ 2, 9)), [entries]),
            scale: tensor(vec![0.5], [1]),
        };
        let gradient = row(seed ^ 3);
        let ours = Flex::requantize_gradients(gradient.clone(), &inputs, &rule, true);
        let other = portable::gradients::<Flex>(gradient, &inputs, &rule, true);
        let lists = [
            (ours.a, other.a),
            (ours.b.unwrap(), other.b.unwrap()),
            (ours.gain.unwrap(), other.gain.unwrap()),
            (ours.shift, other.shift),
            (ours.scale, other.scale),
        ];
        for (ours, other) in lists {
            prop_assert_eq!(values(&ours), values(&other));
        }
        prop_assert_eq!(
            values(&Flex::requantize(&inputs, &rule)),
            values(&portable::requantize::<Flex>(&inputs, &rule))
        );
    }
}

#[test]
fn gradients_reach_every_operand_on_the_tape() {
    use burn::tensor::{Device, Tensor};
    let device = Device::flex().autodiff();
    let leaf = |values: Vec<f32>| {
        let length = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [length]), &device).require_grad()
    };
    let (x, weight) = (leaf(vec![1.0, 2.0, 3.0, 4.0]), leaf(vec![2.0, -1.0]));
    let geometry = Geometry {
        batch: 1,
        input: [2, 2, 1],
        output: [2, 2, 2],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
        groups: 1,
    };
    let acc = super::convolution(
        x.clone().reshape([1, 2, 2, 1]),
        weight.clone().reshape([2, 1, 1, 1]),
        Arc::new(geometry),
    );
    let (gain, shift, scale) = (leaf(vec![1.0, 1.0]), leaf(vec![0.0, 0.0]), leaf(vec![1.0]));
    let constants = Integers { multipliers: vec![1], offsets: vec![0], residual: 0, shift: 0 };
    let rule = Rule { pass: (-3.5, 7.5), ..rule(constants, (-3, 7), 0, 0.0) };
    let y = super::quantize(acc, None, [gain.clone(), shift.clone(), scale.clone()], Arc::new(rule));
    let tape = y.sum().backward();
    let gradient = |leaf: &Tensor<1>| leaf.grad(&tape).unwrap().into_data().try_to_vec::<f32>().unwrap();
    // Accumulators are 2 4 6 8 and -1 -2 -3 -4: 8 and -4 saturate and pass nothing.
    assert_eq!(gradient(&x), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(gradient(&weight), [6.0, 6.0]);
    assert_eq!(gradient(&gain), [12.0, -6.0]);
    assert_eq!(gradient(&shift), [3.0, 3.0]);
    // Of what saturates: the bounds 7 and -3; of the rest no rounding error. Times the rule's factor.
    assert_eq!(gradient(&scale), [(7.0 - 3.0) * 0.25]);
}
