//! Convolution, depthwise and dense steps on small odd shapes and extreme values: each kernel that may be chosen for
//! them, on each emulated architecture, batches of one to three images, against the host's kernel. No other byte may
//! change.

use std::cell::Cell;
use std::collections::BTreeSet;

use cuda::source::Family;
use cuda::{accumulate, tiles};
use kernels::numerics::Clamp;
use kernels::op::{Accumulate, Conv2d, Dense, Depthwise};
use kernels::{Dtype, Layout, TensorSpec, WeightBits, generic};
use sparrowhawk_tests::random::Random;

use crate::case::{CHANNELS, Case, DTYPES, clamp, geometry, spec, unused, zero};
use crate::device::{DEVICES, TURING};
use crate::draw::Draw;

#[test]
fn convolutions_equal_the_host() {
    let tiles = Family::ALL.into_iter().flat_map(tiles::kernels);
    let tiles = tiles.flat_map(|kernel| [kernel.clone(), kernel + " in parts"]);
    let kernels: Vec<String> = tiles.chain(["direct_any", "direct_dp4a"].map(str::to_owned)).collect();
    let kernels: Vec<&str> = kernels.iter().map(String::as_str).collect();
    assert_eq!(unused(convolutions, &kernels), [] as [String; 0]);
}

#[test]
fn dense_layers_equal_the_host() {
    assert_eq!(
        unused(dense_layers, &["conv_bytes_64x32", "conv_nibbles_64x32", "conv_gather_64x32"]),
        [] as [String; 0]
    );
}

#[test]
fn depthwise_convolutions_equal_the_host() {
    assert_eq!(unused(depthwise_convolutions, &["depthwise_2", "depthwise_8"]), [] as [String; 0]);
}

/// Constants of an accumulating step.
struct Constants {
    weights: Vec<u8>,
    bits: WeightBits,
    bias: Vec<i32>,
    multipliers: Vec<i32>,
    shift: u8,
    clamp: Clamp,
    residual_multiplier: i32,
}

impl Constants {
    fn new(rng: &mut Random, y: &TensorSpec, rows: usize, len: usize) -> Self {
        let bits = rng.pick(&[WeightBits::W2, WeightBits::W4, WeightBits::W8]);
        let count = rows * bits.row_bytes(len);
        let weights = match rng.between(0, 4) {
            0 => vec![[0x80, 0x88, 0xaa][bits.log2_per_byte() as usize]; count],
            _ => rng.bytes(count),
        };
        let channels = usize::from(y.dims.c);
        let likely = rng.one_in(2);
        let shift = if likely { rng.pick(&[32, 32, 30, 38]) } else { rng.between(0, 62) as u8 };
        let mut number = |log2: u32| (rng.bits() >> (64 - log2)) as i32 | 1;
        let (log2, bias_log2) = if likely { (u32::from(shift) - 9, 14) } else { (31, 32) };
        let multipliers = (0..channels).map(|_| number(log2)).collect();
        let residual_multiplier = number(if likely { u32::from(shift) - 8 } else { 31 });
        let bias = (0..channels).map(|_| number(bias_log2).wrapping_sub(1 << 13)).collect();
        Self { weights, bits, bias, multipliers, shift, clamp: clamp(rng, y.dtype), residual_multiplier }
    }

    fn accumulate(&self) -> Accumulate<'_> {
        Accumulate {
            weights: &self.weights,
            weight_bits: self.bits,
            bias: &self.bias,
            multipliers: &self.multipliers,
            shift: self.shift,
            clamp: self.clamp,
            residual_multiplier: self.residual_multiplier,
            layout: Layout::Rows,
        }
    }
}

/// The operands of an accumulating step: sometimes with a residual of any type.
fn with_residual(rng: &mut Random, x: TensorSpec, y: TensorSpec) -> Vec<TensorSpec> {
    let dtype = rng.pick(&DTYPES);
    let residual = TensorSpec { dims: y.dims, dtype, zero: zero(rng, dtype) };
    if rng.one_in(2) { vec![x, residual] } else { vec![x] }
}

fn convolutions(ran: &mut BTreeSet<String>) {
    for seed in 0..150 {
        let rng = &mut Random::new(seed);
        let dtype = rng.pick(&[Dtype::U4, Dtype::I8]);
        let (groups, inputs, outputs) = match rng.between(0, 4) {
            0 => (rng.between(2, 4) as u16, rng.between(1, 8) as u16, rng.between(1, 5) as u16),
            _ => (1, rng.pick(&CHANNELS), rng.pick(&CHANNELS)),
        };
        let geometry = geometry(rng);
        let x = spec(rng, dtype, groups * inputs);
        let y_type = rng.pick(&DTYPES);
        let y = spec(rng, y_type, groups * outputs);
        let len = geometry.taps() * usize::from(inputs);
        let constants = Constants::new(rng, &y, usize::from(y.dims.c), len);
        let op = Conv2d {
            geometry,
            groups,
            group_inputs: inputs,
            group_outputs: outputs,
            accumulate: constants.accumulate(),
        };
        let specs = with_residual(rng, x, y);
        let case = Case::new(rng, specs, y);
        let expected = case.expected(|t, y| {
            let mut scratch = vec![0; len];
            let scratch = Cell::from_mut(scratch.as_mut_slice()).as_slice_of_cells();
            generic::conv2d(&t[0], t.get(1), &op, scratch, y).unwrap();
        });
        for device in DEVICES {
            case.check(ran, device, &expected, |memory, target, t, y| {
                accumulate::conv2d(memory, target, &op, t[0], t.get(1).copied(), y).unwrap()
            });
        }
    }
}

fn dense_layers(ran: &mut BTreeSet<String>) {
    for seed in 0..80 {
        let rng = &mut Random::new(1000 + seed);
        let dtype = rng.pick(&[Dtype::U4, Dtype::I8]);
        let channels = rng.pick(&CHANNELS);
        let mut x = spec(rng, dtype, channels);
        if rng.one_in(2) {
            (x.dims.h, x.dims.w) = (1, 1);
        }
        let y_type = rng.pick(&DTYPES);
        let outputs = rng.pick(&CHANNELS);
        let mut y = spec(rng, y_type, outputs);
        (y.dims.h, y.dims.w) = (1, 1);
        let (h, w, c) = x.dims.hwc();
        let constants = Constants::new(rng, &y, usize::from(y.dims.c), h * w * c);
        let op = Dense { accumulate: constants.accumulate() };
        let specs = with_residual(rng, x, y);
        let case = Case::new(rng, specs, y);
        let expected = case.expected(|t, y| {
            let mut scratch = vec![0; op.scratch_bytes(&x)];
            let scratch = Cell::from_mut(scratch.as_mut_slice()).as_slice_of_cells();
            generic::dense(&t[0], t.get(1), &op, scratch, y).unwrap();
        });
        for device in DEVICES {
            case.check(ran, device, &expected, |memory, target, t, y| {
                accumulate::dense(memory, target, &op, t[0], t.get(1).copied(), y).unwrap()
            });
        }
    }
}

fn depthwise_convolutions(ran: &mut BTreeSet<String>) {
    for seed in 0..120 {
        let rng = &mut Random::new(2000 + seed);
        let (x_type, y_type) = (rng.pick(&[Dtype::U4, Dtype::I8]), rng.pick(&DTYPES));
        let channels = rng.pick(&CHANNELS);
        let (x, y) = (spec(rng, x_type, channels), spec(rng, y_type, channels));
        let geometry = geometry(rng);
        let constants = Constants::new(rng, &y, geometry.taps(), channels.into());
        let op = Depthwise { geometry, accumulate: constants.accumulate() };
        let specs = with_residual(rng, x, y);
        let case = Case::new(rng, specs, y);
        let expected = case.expected(|t, y| generic::depthwise(&t[0], t.get(1), &op, &[], y).unwrap());
        case.check(ran, &TURING, &expected, |memory, target, t, y| {
            accumulate::depthwise(memory, target, &op, t[0], t.get(1).copied(), y).unwrap()
        });
    }
}
