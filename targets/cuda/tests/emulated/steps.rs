//! Every operator on small odd shapes and extreme values: each kernel that may be chosen for it, on each emulated
//! architecture, batches of one to three images, against the host's kernel. No other byte may change.

use std::cell::Cell;
use std::collections::BTreeSet;

use cuda::accumulate::{Target, Tensor as Place};
use cuda::launch::Memory;
use cuda::params::Bases;
use cuda::source::Family;
use cuda::{Device, Launch, accumulate, simple};
use kernels::numerics::Clamp;
use kernels::op::{
    Accumulate, Add, AveragePool, Concat, Conv2d, Dense, Depthwise, Geometry, MaxPool, PoolGeometry, Rescale,
    Table, Window,
};
use kernels::{Dims, Dtype, Layout, Tensor, TensorSpec, WeightBits, generic};

use crate::device::{AMPERE, Emulated, HOPPER, TURING};
use crate::random::Random;

const DTYPES: [Dtype; 3] = [Dtype::U4, Dtype::I8, Dtype::I16];
/// Channel counts around those that the vector loaders take.
const CHANNELS: [u16; 18] = [1, 2, 3, 5, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 80, 96, 128, 131];

/// One step with its operands, before it is on any device.
struct Case {
    batch: usize,
    specs: Vec<TensorSpec>,
    y: TensorSpec,
    /// Packed bytes of the operands, image after image.
    data: Vec<Vec<u8>>,
}

impl Case {
    fn new(rng: &mut Random, specs: Vec<TensorSpec>, y: TensorSpec) -> Self {
        let batch = rng.between(1, 3) as usize;
        let data = specs.iter().map(|spec| operand(rng, spec, batch)).collect();
        Self { batch, specs, y, data }
    }

    fn image(&self, operand: usize, image: usize) -> Vec<u8> {
        let bytes = bytes(&self.specs[operand]);
        self.data[operand][image * bytes..(image + 1) * bytes].to_vec()
    }

    /// What the host computes, image by image.
    fn expected(&self, run: impl Fn(&[Tensor], &Tensor)) -> Vec<u8> {
        let mut all = Vec::new();
        for image in 0..self.batch {
            let mut operands: Vec<Vec<u8>> = (0..self.specs.len()).map(|i| self.image(i, image)).collect();
            let mut y = vec![0; bytes(&self.y)];
            let tensors: Vec<Tensor> =
                operands.iter_mut().zip(&self.specs).map(|(bytes, spec)| view(*spec, bytes)).collect();
            run(&tensors, &view(self.y, &mut y));
            all.extend(y);
        }
        all
    }

    /// Runs every candidate on a device, compares, and notes their names.
    fn check(
        &self,
        ran: &mut BTreeSet<String>,
        device: &Emulated,
        expected: &[u8],
        plan: impl Fn(&mut Memory, Target, &[Place], Place) -> Vec<Launch>,
    ) {
        let mut memory = Memory::default();
        let all = |spec: &TensorSpec| (bytes(spec) * self.batch) as u64;
        let places: Vec<Place> =
            self.specs.iter().map(|spec| Place { at: memory.tensor(all(spec)), spec: *spec }).collect();
        let y = Place { at: memory.tensor(all(&self.y)), spec: self.y };
        let target = Target { arch: device.arch(), batch: self.batch };
        let candidates = plan(&mut memory, target, &places, y);
        for launch in candidates {
            let mut constants = device.reserve(memory.constants.len().max(1) as u64, 1).unwrap();
            device.write(&mut constants, 0, &memory.constants).unwrap();
            let mut activations = device.reserve(memory.activation_bytes(), 1).unwrap();
            for (place, data) in places.iter().zip(&self.data) {
                device.write(&mut activations, place.at, data).unwrap();
            }
            let mut before = vec![0; memory.activation_bytes() as usize];
            device.read(&activations, 0, &mut before).unwrap();
            let at = y.at as usize;
            before[at..at + expected.len()].copy_from_slice(expected);
            let bases =
                Bases { constants: device.address(&constants), activations: device.address(&activations) };
            let name = launch.kernel.clone();
            ran.insert(name.clone());
            let bound = Launch { args: launch.args.bind(bases), ..launch };
            // SAFETY: both memories are alive, and the launch was planned for them.
            unsafe { device.run(&vec![bound]).unwrap() };
            let mut after = vec![0; before.len()];
            device.read(&activations, 0, &mut after).unwrap();
            if let Some(wrong) = (0..after.len()).find(|&i| after[i] != before[i]) {
                panic!(
                    "{name} on sm_{}: byte {} of the result ({} long) is {:02x}, expected {:02x}; {:?} -> {:?}, batch {}",
                    device.arch(),
                    wrong as i64 - at as i64,
                    expected.len(),
                    after[wrong],
                    before[wrong],
                    self.specs,
                    self.y,
                    self.batch,
                );
            }
        }
    }
}

/// Runs cases and names the kernels that none of them ran.
fn unused(cases: impl Fn(&mut BTreeSet<String>), kernels: &[&str]) -> Vec<String> {
    let mut ran = BTreeSet::new();
    cases(&mut ran);
    kernels.iter().map(|&kernel| kernel.to_owned()).filter(|kernel| !ran.contains(kernel)).collect()
}

const NONE: [String; 0] = [];

#[test]
fn convolutions_equal_the_host() {
    let tiles = Family::ALL
        .into_iter()
        .flat_map(|family| accumulate::TILES.map(|(bm, bn, _)| format!("conv_{}_{bm}x{bn}", family.name())));
    let kernels: Vec<String> = tiles.chain(["direct_any", "direct_dp4a"].map(str::to_owned)).collect();
    let kernels: Vec<&str> = kernels.iter().map(String::as_str).collect();
    assert_eq!(unused(convolutions, &kernels), NONE);
}

#[test]
fn dense_layers_equal_the_host() {
    assert_eq!(unused(dense_layers, &["conv_bytes_64x32", "conv_nibbles_64x32", "conv_gather_64x32"]), NONE);
}

#[test]
fn depthwise_convolutions_equal_the_host() {
    assert_eq!(unused(depthwise_convolutions, &["depthwise_2", "depthwise_8"]), NONE);
}

#[test]
fn pooling_equals_the_host() {
    let kernels = ["max_pool_2", "max_pool_8", "average_pool_2", "average_pool_8"];
    assert_eq!(unused(pooling, &kernels), NONE);
}

#[test]
fn elementwise_steps_equal_the_host() {
    let kernels = ["add_2", "add_8", "rescale_2", "rescale_8", "table_2", "table_8"];
    assert_eq!(unused(elementwise_steps, &kernels), NONE);
}

#[test]
fn concatenations_and_windows_equal_the_host() {
    assert_eq!(unused(concatenations_and_windows, &["concat_2", "window_2"]), NONE);
}

fn devices() -> [&'static Emulated; 3] {
    [&TURING, &AMPERE, &HOPPER]
}

fn bytes(spec: &TensorSpec) -> usize {
    spec.bytes().unwrap() as usize
}

fn view(spec: TensorSpec, bytes: &mut [u8]) -> Tensor<'_> {
    Tensor::new(spec, Cell::from_mut(bytes).as_slice_of_cells()).unwrap()
}

fn operand(rng: &mut Random, spec: &TensorSpec, batch: usize) -> Vec<u8> {
    let count = bytes(spec) * batch;
    match rng.between(0, 5) {
        0 => vec![0x80; count],
        1 => vec![0x7f; count],
        2 => vec![0xff; count],
        // Unused nibbles are dirty too: nobody may look at them.
        _ => rng.bytes(count),
    }
}

fn zero(rng: &mut Random, dtype: Dtype) -> i16 {
    let (lo, hi) = dtype.range();
    if dtype == Dtype::I16 { 0 } else { rng.between(lo.into(), hi.into()) as i16 }
}

fn spec(rng: &mut Random, dtype: Dtype, channels: u16) -> TensorSpec {
    let dims = Dims { h: rng.between(1, 7) as u16, w: rng.between(1, 7) as u16, c: channels };
    TensorSpec { dims, dtype, zero: zero(rng, dtype) }
}

fn clamp(rng: &mut Random, dtype: Dtype) -> Clamp {
    let (lo, hi) = dtype.range();
    let (a, b) = (rng.between(lo.into(), hi.into()), rng.between(lo.into(), hi.into()));
    if rng.one_in(3) {
        Clamp { lo: a.min(b) as i16, hi: a.max(b) as i16 }
    } else {
        Clamp { lo: lo as i16, hi: hi as i16 }
    }
}

fn geometry(rng: &mut Random) -> Geometry {
    if rng.one_in(3) {
        return Geometry { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
    }
    let mut pair = |lo, hi| [rng.between(lo, hi) as u8, rng.between(lo, hi) as u8];
    Geometry { kernel: pair(1, 4), stride: pair(1, 3), dilation: pair(1, 2), pad: pair(0, 3) }
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
        let mut number = |log2: u32| (rng.next() >> (64 - log2)) as i32 | 1;
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
        let rng = &mut Random(seed);
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
        for device in devices() {
            case.check(ran, device, &expected, |memory, target, t, y| {
                accumulate::conv2d(memory, target, &op, t[0], t.get(1).copied(), y).unwrap()
            });
        }
    }
}

fn dense_layers(ran: &mut BTreeSet<String>) {
    for seed in 0..80 {
        let rng = &mut Random(1000 + seed);
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
        for device in devices() {
            case.check(ran, device, &expected, |memory, target, t, y| {
                accumulate::dense(memory, target, &op, t[0], t.get(1).copied(), y).unwrap()
            });
        }
    }
}

fn depthwise_convolutions(ran: &mut BTreeSet<String>) {
    for seed in 0..120 {
        let rng = &mut Random(2000 + seed);
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

fn pooling(ran: &mut BTreeSet<String>) {
    for seed in 0..120 {
        let rng = &mut Random(3000 + seed);
        let x_type = rng.pick(&DTYPES);
        let channels = rng.pick(&CHANNELS);
        let Geometry { kernel, stride, pad, .. } = geometry(rng);
        let geometry = PoolGeometry { kernel, stride, pad };
        let x = spec(rng, x_type, channels);
        let y = spec(rng, x_type, channels);
        let op = MaxPool { geometry, clamp: clamp(rng, x_type) };
        let case = Case::new(rng, vec![x], y);
        let expected = case.expected(|t, y| generic::max_pool(&t[0], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |_, target, t, y| {
            vec![simple::max_pool(target, &op, t[0], y).unwrap()]
        });

        let y_type = rng.pick(&DTYPES);
        let y = spec(rng, y_type, channels);
        let entries = if rng.one_in(2) { 1 } else { geometry.taps().taps() };
        let multipliers: Vec<i32> = (0..entries).map(|_| rng.between(-3000, 300_000) as i32).collect();
        let offsets: Vec<i32> = (0..entries).map(|_| rng.next() as i32 >> 8).collect();
        let op = AveragePool {
            geometry,
            multipliers: &multipliers,
            offsets: &offsets,
            shift: rng.between(10, 20) as u8,
            clamp: clamp(rng, y_type),
        };
        let case = Case::new(rng, vec![x], y);
        let expected = case.expected(|t, y| generic::average_pool(&t[0], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |memory, target, t, y| {
            vec![simple::average_pool(memory, target, &op, t[0], y).unwrap()]
        });
    }
}

fn elementwise_steps(ran: &mut BTreeSet<String>) {
    for seed in 0..120 {
        let rng = &mut Random(4000 + seed);
        let channels = rng.pick(&CHANNELS);
        let (a_type, y_type) = (rng.pick(&DTYPES), rng.pick(&DTYPES));
        let a = spec(rng, a_type, channels);
        let same = |rng: &mut Random, dtype| TensorSpec { dims: a.dims, dtype, zero: zero(rng, dtype) };
        let b_type = rng.pick(&DTYPES);
        let (b, y) = (same(rng, b_type), same(rng, y_type));
        let shift = rng.between(0, 31) as u8;

        let op = Add {
            a_multiplier: rng.next() as i16,
            b_multiplier: rng.next() as i16,
            offset: rng.next() as i32,
            shift,
            clamp: clamp(rng, y_type),
        };
        let case = Case::new(rng, vec![a, b], y);
        let expected = case.expected(|t, y| generic::add(&t[0], &t[1], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |_, target, t, y| {
            vec![simple::add(target, &op, t[0], t[1], y).unwrap()]
        });

        let entries = if rng.one_in(2) { 1 } else { usize::from(channels) };
        let multipliers: Vec<i32> = (0..entries).map(|_| rng.next() as i32 >> 4).collect();
        let offsets: Vec<i32> = (0..entries).map(|_| rng.next() as i32).collect();
        let op = Rescale { multipliers: &multipliers, offsets: &offsets, shift, clamp: clamp(rng, y_type) };
        let case = Case::new(rng, vec![a], y);
        let expected = case.expected(|t, y| generic::rescale(&t[0], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |memory, target, t, y| {
            vec![simple::rescale(memory, target, &op, t[0], y).unwrap()]
        });

        let byte = |dtype| if dtype == Dtype::I16 { Dtype::I8 } else { dtype };
        let x = TensorSpec { dtype: byte(a_type), zero: 0, ..a };
        let y = TensorSpec { dtype: byte(y_type), zero: 0, ..y };
        let mask = if y.dtype == Dtype::U4 { 15 } else { 255 };
        let entries = rng.bytes(if x.dtype == Dtype::U4 { 16 } else { 256 });
        let entries: Vec<u8> = entries.iter().map(|e| e & mask).collect();
        let op = Table { entries: &entries };
        let case = Case::new(rng, vec![x], y);
        let expected = case.expected(|t, y| generic::table(&t[0], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |memory, target, t, y| {
            vec![simple::table(memory, target, &op, t[0], y).unwrap()]
        });
    }
}

fn concatenations_and_windows(ran: &mut BTreeSet<String>) {
    for seed in 0..120 {
        let rng = &mut Random(5000 + seed);
        let dims = spec(rng, Dtype::I8, 1).dims;
        let parts = rng.between(1, 8) as usize;
        let specs: Vec<TensorSpec> = (0..parts)
            .map(|_| {
                let dtype = rng.pick(&DTYPES);
                let c = rng.between(1, 9) as u16;
                TensorSpec { dims: Dims { c, ..dims }, dtype, zero: zero(rng, dtype) }
            })
            .collect();
        let y_type = rng.pick(&DTYPES);
        let c = specs.iter().map(|spec| spec.dims.c).sum();
        let y = TensorSpec { dims: Dims { c, ..dims }, dtype: y_type, zero: zero(rng, y_type) };
        let (shift, clamp) = (rng.between(0, 31) as u8, clamp(rng, y_type));
        let mut first = 0;
        let ops: Vec<Concat> = specs
            .iter()
            .map(|spec| {
                let op = Concat {
                    first,
                    multiplier: rng.next() as i32 >> 4,
                    offset: rng.next() as i32,
                    shift,
                    clamp,
                };
                first += spec.dims.c;
                op
            })
            .collect();
        let case = Case::new(rng, specs, y);
        let expected = case.expected(|t, y| {
            t.iter().zip(&ops).for_each(|(x, op)| generic::concat(x, op, y).unwrap());
        });
        case.check(ran, &TURING, &expected, |_, target, t, y| {
            let parts: Vec<_> = ops.iter().copied().zip(t.iter().copied()).collect();
            vec![simple::concat(target, &parts, y).unwrap()]
        });

        let dtype = rng.pick(&DTYPES);
        let (from, to) = (rng.between(1, 20) as u16, rng.between(1, 20) as u16);
        let (x, y) = (spec(rng, dtype, from), spec(rng, dtype, to));
        let op = Window {
            offset: [(); 3].map(|()| rng.between(-4, 4) as i16),
            stride: [rng.between(1, 3) as u8, rng.between(1, 3) as u8],
            fill: zero(rng, dtype),
        };
        let case = Case::new(rng, vec![x], y);
        let expected = case.expected(|t, y| generic::window(&t[0], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |_, target, t, y| {
            vec![simple::window(target, &op, t[0], y).unwrap()]
        });
    }
}
