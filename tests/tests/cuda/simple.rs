//! Steps without weights on small odd shapes and extreme values, batches of one to three images, against the host's
//! kernels. They have no code of one architecture, so one is enough.

use std::collections::BTreeSet;

use cuda::simple;
use kernels::op::{Add, AveragePool, Concat, Geometry, MaxPool, PoolGeometry, Rescale, Table, Window};
use kernels::{Dims, Dtype, TensorSpec, generic};
use sparrowhawk_tests::random::Random;

use crate::case::{CHANNELS, Case, DTYPES, clamp, geometry, spec, unused, zero};
use crate::device::TURING;
use crate::draw::Draw;

#[test]
fn pooling_equals_the_host() {
    let kernels = ["max_pool_2", "max_pool_8", "average_pool_2", "average_pool_8"];
    assert_eq!(unused(pooling, &kernels), [] as [String; 0]);
}

#[test]
fn elementwise_steps_equal_the_host() {
    let kernels = ["add_2", "add_8", "rescale_2", "rescale_8", "table_2", "table_8"];
    assert_eq!(unused(elementwise_steps, &kernels), [] as [String; 0]);
}

#[test]
fn concatenations_and_windows_equal_the_host() {
    assert_eq!(unused(concatenations_and_windows, &["concat_2", "window_2"]), [] as [String; 0]);
}

fn pooling(ran: &mut BTreeSet<String>) {
    for seed in 0..120 {
        let rng = &mut Random::new(3000 + seed);
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
        let offsets: Vec<i32> = (0..entries).map(|_| rng.bits() as i32 >> 8).collect();
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
        let rng = &mut Random::new(4000 + seed);
        let channels = rng.pick(&CHANNELS);
        let (a_type, y_type) = (rng.pick(&DTYPES), rng.pick(&DTYPES));
        let a = spec(rng, a_type, channels);
        let same = |rng: &mut Random, dtype| TensorSpec { dims: a.dims, dtype, zero: zero(rng, dtype) };
        let b_type = rng.pick(&DTYPES);
        let (b, y) = (same(rng, b_type), same(rng, y_type));
        let shift = rng.between(0, 31) as u8;

        let op = Add {
            a_multiplier: rng.bits() as i16,
            b_multiplier: rng.bits() as i16,
            offset: rng.bits() as i32,
            shift,
            clamp: clamp(rng, y_type),
        };
        let case = Case::new(rng, vec![a, b], y);
        let expected = case.expected(|t, y| generic::add(&t[0], &t[1], &op, y).unwrap());
        case.check(ran, &TURING, &expected, |_, target, t, y| {
            vec![simple::add(target, &op, t[0], t[1], y).unwrap()]
        });

        let entries = if rng.one_in(2) { 1 } else { usize::from(channels) };
        let multipliers: Vec<i32> = (0..entries).map(|_| rng.bits() as i32 >> 4).collect();
        let offsets: Vec<i32> = (0..entries).map(|_| rng.bits() as i32).collect();
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
        let rng = &mut Random::new(5000 + seed);
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
                    multiplier: rng.bits() as i32 >> 4,
                    offset: rng.bits() as i32,
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
