//! Splits, batches and changes of samples: each property that training relies on.

use super::augment::Change;
use super::*;
use crate::calibrate::QuantParams;
use crate::data::{Dataset, InputOptions, Part, RawSample, Spec};
use crate::graph::Shape;
use crate::random::{Purpose, Random};
use proptest::prelude::*;
use std::sync::Arc;

const SHAPE: Shape = Shape { h: 3, w: 2, c: 2 };

/// `count` samples of [`SHAPE`] in classes of unequal size, number `i` with the values `i * step` upwards.
pub(super) fn dataset(count: usize, step: f64, scale: f64, zero: f64) -> Arc<Dataset> {
    let dir = tempfile::tempdir().unwrap();
    let row = |i: usize| {
        let values: Vec<String> = (0..12).map(|e| (i as f64 * step + f64::from(e)).to_string()).collect();
        format!("{},{}\n", values.join(","), [0, 0, 0, 1, 1, 2][i % 6])
    };
    std::fs::write(dir.path().join("a.csv"), (0..count).map(row).collect::<String>()).unwrap();
    let mut spec: Spec = "csv:a.csv".parse().unwrap();
    spec.resolve(dir.path());
    let input = InputOptions {
        shape: Some(SHAPE),
        layout: Some(crate::data::Layout::Hwc),
        scale: Some(scale),
        zero: Some(zero),
        ..Default::default()
    };
    Arc::new(spec.load(Part::Train, &input).unwrap())
}

fn training(count: usize, size: usize, augment: Augment, seed: u64) -> Batches {
    let data = dataset(count, 1.0, 0.5, 3.0);
    let code = InputCode::of(&data, None).unwrap();
    Batches::training(data, code, (0..count).collect(), size, augment, seed).unwrap()
}

fn strong() -> Augment {
    Augment { rows: 2, columns: 1, fill: Fill::Zero, flip: true, noise: 3 }
}

fn all(source: &Batches, from: Position, epochs: usize) -> Vec<Batch> {
    Loader::start(Arc::new(source.clone()), from, epochs).unwrap().collect()
}

#[test]
fn an_epoch_has_every_sample_once() {
    let source = training(23, 5, strong(), 1);
    let batches = all(&source, Position::default(), 3);
    assert_eq!((source.per_epoch(), batches.len()), (4, 12));
    for epoch in 0..3 {
        let mut order = source.order(epoch);
        let shown: Vec<usize> = batches[epoch * 4..][..4].iter().flat_map(|b| b.samples.clone()).collect();
        assert_eq!(order[..20], shown);
        order.sort_unstable();
        assert_eq!(order, (0..23).collect::<Vec<_>>());
    }
    assert_ne!(source.order(0), source.order(1));
    for batch in &batches {
        assert!(batch.samples.iter().zip(&batch.labels).all(|(&i, &l)| l == [0, 0, 0, 1, 1, 2][i % 6]));
    }
}

#[test]
fn the_last_batch_is_kept_in_evaluation_and_where_it_is_the_only_one() {
    let data = dataset(23, 1.0, 0.5, 3.0);
    let code = InputCode::of(&data, None).unwrap();
    let source = Batches::evaluation(data.clone(), code, (0..23).rev().collect(), 5).unwrap();
    let batches = all(&source, Position::default(), 1);
    let shown: Vec<usize> = batches.iter().flat_map(|batch| batch.samples.clone()).collect();
    assert_eq!((shown, batches[4].samples.len()), ((0..23).rev().collect(), 3));
    for batch in &batches {
        for (&i, bytes) in batch.samples.iter().zip(batch.bytes().chunks(12)) {
            let Some(RawSample::U8(raw)) = data.raw_sample(i) else { panic!("bytes expected") };
            assert!(raw.iter().zip(bytes).all(|(&raw, &byte)| i32::from(raw) - 128 == i32::from(byte as i8)));
        }
    }
    let few = training(4, 5, Augment::default(), 1);
    assert_eq!((few.per_epoch(), all(&few, Position::default(), 1)[0].samples.len()), (1, 4));
    assert!(few.batch(&few.order(0), Position { epoch: 0, batch: 1 }).samples.is_empty());
}

#[test]
fn threads_do_not_matter() {
    let source = training(40, 16, strong(), 9);
    let within = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let at = |batch| source.batch(&source.order(3), Position { epoch: 3, batch });
            [at(0), at(1)]
        })
    };
    assert_eq!(within(1), within(2));
    assert_eq!(within(1), within(5));
    let other = training(40, 16, strong(), 10);
    assert_ne!(within(1)[0].samples, other.batch(&other.order(3), Position { epoch: 3, batch: 0 }).samples);
}

#[test]
fn going_on_gives_the_same_batches() {
    let source = training(23, 5, strong(), 4);
    let whole = all(&source, Position::default(), 3);
    for (done, batch) in whole.iter().enumerate() {
        assert_eq!(all(&source, batch.position, 3), whole[done..]);
    }
    assert!(all(&source, Position { epoch: 3, batch: 0 }, 3).is_empty());
    // A position behind the last batch is the start of the next epoch.
    assert_eq!(all(&source, Position { epoch: 1, batch: 4 }, 3), whole[8..]);
}

#[test]
fn a_sample_is_changed_the_same_wherever_it_stands() {
    let at = |size| {
        let source = training(12, size, strong(), 4);
        let batch = source.batch(&source.order(2), Position { epoch: 2, batch: 0 });
        let at = batch.samples.iter().position(|&i| i == source.order(2)[1]).unwrap();
        batch.input[at * 12..(at + 1) * 12].to_vec()
    };
    assert_eq!(at(4), at(12));
}

#[test]
fn an_abandoned_loader_ends() {
    let source = Arc::new(training(40, 1, strong(), 9));
    let mut loader = Loader::start(source.clone(), Position::default(), usize::MAX).unwrap();
    assert!(loader.next().is_some());
    drop(loader);
    assert_eq!(Arc::strong_count(&source), 1);
}

#[test]
fn unchanged_samples_have_the_real_values_of_the_data() {
    for (scale, zero) in [(0.5, 3.0), (1.0 / 255.0 / 0.229, 0.485 * 255.0), (0.1, -7.3)] {
        let data = dataset(20, 1.0, scale, zero);
        let code = InputCode::of(&data, None).unwrap();
        let source = Batches::evaluation(data.clone(), code, (0..20).collect(), 20).unwrap();
        let real = source.real(&source.batch(&source.order(0), Position::default()));
        let mut own = [0.0; 12];
        for (i, real) in real.chunks(12).enumerate() {
            data.real(i, &mut own);
            assert_eq!(real, own);
        }
    }
}

#[test]
fn real_samples_are_quantised_with_the_input_s_numbers() {
    let data = dataset(8, 1.25, 1.0, 0.0);
    assert!(matches!(InputCode::of(&data, None), Err(BatchError::NoScale { .. })));
    let code = InputCode::of(&data, Some(QuantParams { scale: 0.5, zero_point: -100 })).unwrap();
    assert_eq!(code.zeros(), [-100, -100]);
    let mut packed = [0; 12];
    code.pack(&data, 1, &mut packed);
    // 1.25 / 0.5 = 2.5 rounds to even.
    assert_eq!(packed[..4], [-98, -96, -94, -92]);
    let mut real = [0.0; 12];
    code.real(&packed, &mut real);
    assert_eq!(real[..4], [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn padding_means_real_zero() {
    let zeros = |zero| InputCode::of(&dataset(3, 1.0, 0.5, zero), None).unwrap().zeros();
    assert_eq!(zeros(124.6), [-3, -3]);
    assert_eq!((zeros(0.0), zeros(300.0)), (vec![-128; 2], vec![127; 2]));
}

#[test]
fn what_cannot_be_is_refused() {
    let data = dataset(4, 1.0, 0.5, 3.0);
    let code = InputCode::of(&data, None).unwrap();
    let make = |indices: Vec<usize>, size, augment| {
        Batches::training(data.clone(), code.clone(), indices, size, augment, 0).unwrap_err().to_string()
    };
    let none = Augment::default();
    assert!(make(vec![0], 0, none).contains("the batch size is 0; it must be at least 1"));
    assert!(make(vec![], 2, none).contains("no samples"));
    assert!(make(vec![1, 4], 2, none).contains("no sample 4 among 4"));
    let message = make(vec![0], 2, Augment::images(2, false));
    assert!(message.contains("up to 2 rows and 2 columns; samples of 3x2x2"), "{message}");
}

#[test]
fn both_ways_of_flipping_and_every_shift_are_drawn() {
    let augment = strong();
    let mut seen = std::collections::HashSet::new();
    for index in 0..600 {
        let change = augment.draw(&mut Random::new(0, Purpose::Augment, 0, index));
        assert!(change.row.abs() <= 2 && change.column.abs() <= 1);
        seen.insert((change.row, change.column, change.flip));
    }
    assert_eq!(seen.len(), 5 * 3 * 2);
}

#[test]
fn noise_stays_within_its_bound_and_the_byte() {
    let augment = Augment { noise: 4, ..Default::default() };
    let mut values: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let before = values.clone();
    augment.disturb(&mut Random::new(0, Purpose::Augment, 0, 0), &mut values);
    assert_ne!(values, before);
    assert!(values.iter().zip(&before).all(|(&a, &b)| (i32::from(a) - i32::from(b)).abs() <= 4));
    let mut many = vec![i8::MAX; 500];
    augment.disturb(&mut Random::new(0, Purpose::Augment, 0, 0), &mut many);
    assert_eq!(many.iter().min(), Some(&123));
}

/// A change pixel by pixel.
fn naive(change: Change, shape: Shape, fill: Option<&[i8]>, sample: &[i8]) -> Vec<i8> {
    let (h, w) = (shape.h as i64, shape.w as i64);
    let mut out = Vec::new();
    for y in 0..h {
        for x in 0..w {
            let x = if change.flip { w - 1 - x } else { x };
            let (row, column) = (y + change.row, x + change.column);
            for c in 0..shape.c {
                let inside = (0..h).contains(&row) && (0..w).contains(&column);
                let at = (row.clamp(0, h - 1) * w + column.clamp(0, w - 1)) as usize * shape.c + c;
                out.push(match fill {
                    Some(fill) if !inside => fill[c],
                    _ => sample[at],
                });
            }
        }
    }
    out
}

fn apply(change: Change, shape: Shape, fill: Option<&[i8]>, sample: &[i8]) -> Vec<i8> {
    let mut out = vec![77; sample.len()];
    change.apply(shape, fill, sample, &mut out);
    out
}

proptest! {
    #[test]
    fn changes_equal_the_naive_ones(
        (h, w, c) in (1usize..6, 1usize..6, 1usize..4),
        (row, column, flip) in (-6i64..7, -6i64..7, any::<bool>()),
        edge in any::<bool>(),
        values in prop::collection::vec(any::<i8>(), 75),
    ) {
        let shape = Shape::new(h, w, c);
        let sample = &values[..shape.len()];
        let fill = (!edge).then_some(&[1i8, 2, 3][..c]);
        let change = Change { row, column, flip };
        prop_assert_eq!(apply(change, shape, fill, sample), naive(change, shape, fill, sample));
        let still = Change::default();
        prop_assert_eq!(apply(still, shape, fill, sample), sample);
        let turn = Change { flip: true, ..still };
        prop_assert_eq!(apply(turn, shape, fill, &apply(turn, shape, fill, sample)), sample);
    }
}
