//! One step on an emulated GPU beside the host's kernel, and what random steps are made of.

use std::cell::Cell;
use std::collections::BTreeSet;

use cuda::accumulate::{Target, Tensor as Place};
use cuda::launch::Memory;
use cuda::params::Bases;
use cuda::{Device, Launch};
use kernels::numerics::Clamp;
use kernels::op::Geometry;
use kernels::{Dims, Dtype, Tensor, TensorSpec};
use sparrowhawk_tests::random::Random;

use crate::device::Emulated;
use crate::draw::Draw;

pub(crate) const DTYPES: [Dtype; 3] = [Dtype::U4, Dtype::I8, Dtype::I16];
/// Channel counts around those that the vector loaders take.
pub(crate) const CHANNELS: [u16; 18] = [1, 2, 3, 5, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 80, 96, 128, 131];

/// One step with its operands, before it is on any device.
pub(crate) struct Case {
    batch: usize,
    specs: Vec<TensorSpec>,
    y: TensorSpec,
    /// Packed bytes of the operands, image after image.
    data: Vec<Vec<u8>>,
}

impl Case {
    pub(crate) fn new(rng: &mut Random, specs: Vec<TensorSpec>, y: TensorSpec) -> Self {
        let batch = rng.between(1, 3) as usize;
        let data = specs.iter().map(|spec| operand(rng, spec, batch)).collect();
        Self { batch, specs, y, data }
    }

    pub(crate) fn image(&self, operand: usize, image: usize) -> Vec<u8> {
        let bytes = bytes(&self.specs[operand]);
        self.data[operand][image * bytes..(image + 1) * bytes].to_vec()
    }

    /// What the host computes, image by image.
    pub(crate) fn expected(&self, run: impl Fn(&[Tensor], &Tensor)) -> Vec<u8> {
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
    pub(crate) fn check(
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
        let target = Target::of(device, self.batch);
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
            let mut workspace = device.reserve(memory.workspace_bytes(), 1).unwrap();
            let mut counters = [0; Memory::counter_bytes() as usize];
            device.write(&mut workspace, 0, &counters).unwrap();
            let bases = Bases {
                constants: device.address(&constants),
                activations: device.address(&activations),
                workspace: device.address(&workspace),
            };
            let name = launch.label();
            let parts = if name == launch.kernel { "" } else { " in parts" };
            ran.insert(format!("{}{parts}", launch.kernel));
            let bound = Launch { args: launch.args.bind(bases), ..launch };
            // SAFETY: all memories are alive, and the launch was planned for them.
            unsafe { device.run(&vec![bound]).unwrap() };
            device.read(&workspace, 0, &mut counters).unwrap();
            assert!(counters.iter().all(|&byte| byte == 0), "{name}: counters are not as they were");
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
pub(crate) fn unused(cases: impl Fn(&mut BTreeSet<String>), kernels: &[&str]) -> Vec<String> {
    let mut ran = BTreeSet::new();
    cases(&mut ran);
    kernels.iter().map(|&kernel| kernel.to_owned()).filter(|kernel| !ran.contains(kernel)).collect()
}

pub(crate) fn bytes(spec: &TensorSpec) -> usize {
    spec.bytes().unwrap() as usize
}

pub(crate) fn view(spec: TensorSpec, bytes: &mut [u8]) -> Tensor<'_> {
    Tensor::new(spec, Cell::from_mut(bytes).as_slice_of_cells()).unwrap()
}

pub(crate) fn operand(rng: &mut Random, spec: &TensorSpec, batch: usize) -> Vec<u8> {
    let count = bytes(spec) * batch;
    match rng.between(0, 5) {
        0 => vec![0x80; count],
        1 => vec![0x7f; count],
        2 => vec![0xff; count],
        // Unused nibbles are dirty too: nobody may look at them.
        _ => rng.bytes(count),
    }
}

pub(crate) fn zero(rng: &mut Random, dtype: Dtype) -> i16 {
    let (lo, hi) = dtype.range();
    if dtype == Dtype::I16 { 0 } else { rng.between(lo.into(), hi.into()) as i16 }
}

pub(crate) fn spec(rng: &mut Random, dtype: Dtype, channels: u16) -> TensorSpec {
    let dims = Dims { h: rng.between(1, 7) as u16, w: rng.between(1, 7) as u16, c: channels };
    TensorSpec { dims, dtype, zero: zero(rng, dtype) }
}

pub(crate) fn clamp(rng: &mut Random, dtype: Dtype) -> Clamp {
    let (lo, hi) = dtype.range();
    let (a, b) = (rng.between(lo.into(), hi.into()), rng.between(lo.into(), hi.into()));
    if rng.one_in(3) {
        Clamp { lo: a.min(b) as i16, hi: a.max(b) as i16 }
    } else {
        Clamp { lo: lo as i16, hi: hi as i16 }
    }
}

pub(crate) fn geometry(rng: &mut Random) -> Geometry {
    if rng.one_in(3) {
        return Geometry { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
    }
    let mut pair = |lo, hi| [rng.between(lo, hi) as u8, rng.between(lo, hi) as u8];
    Geometry { kernel: pair(1, 4), stride: pair(1, 3), dilation: pair(1, 2), pad: pair(0, 3) }
}
