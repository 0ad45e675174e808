//! Nothing that is held out is trained on: not in a copy, and not as a JPEG of itself.

use super::tests::dataset;
use super::{Amount, BatchError, Split, SplitOptions, split};
use crate::data::{Dataset, InputOptions, Part, Spec};
use crate::graph::Shape;
use proptest::prelude::*;
use std::path::Path;

const HALF: SplitOptions =
    SplitOptions { validation: Amount::Fraction(0.5), from: None, apart: false, share: 1.0, seed: 3 };

proptest! {
    #[test]
    fn a_split_is_disjoint_and_keeps_every_class(
        samples in 12usize..80, share in 0.2f64..=1.0, part in 0.0f64..0.6, seed in any::<u64>(),
    ) {
        let data = dataset(samples, 1.0, 0.5, 3.0);
        let options = SplitOptions { validation: Amount::Fraction(part), share, seed, ..HALF };
        let Split { train, validation, .. } = split(&data, &options).unwrap();
        prop_assert_eq!(&split(&data, &options).unwrap().train, &train);
        prop_assert_eq!(validation.len(), (samples as f64 * part).round() as usize);
        let left = samples - validation.len();
        prop_assert_eq!(train.len(), ((left as f64 * share).round() as usize).max(1));
        prop_assert!(train.is_sorted() && validation.is_sorted());
        prop_assert!(train.iter().all(|i| validation.binary_search(i).is_err()));
        for class in 0..3 {
            let of = |indices: &[usize]| indices.iter().filter(|&&i| data.labels[i] == class).count() as f64;
            let every: Vec<usize> = (0..samples).collect();
            let exact = of(&every) * validation.len() as f64 / samples as f64;
            // Largest remainders: a quota is the exact share, rounded down or up.
            prop_assert!((of(&validation) - exact).abs() < 1.0);
        }
    }
}

#[test]
fn another_seed_is_another_split() {
    let data = dataset(60, 1.0, 0.5, 3.0);
    let held = |seed| split(&data, &SplitOptions { seed, ..HALF }).unwrap().validation;
    assert_ne!(held(1), held(2));
}

/// Data of one value and the class per row, in `a.csv` and `b.csv`.
fn joined(spec: &str, a: &[u32], b: &[u32]) -> Dataset {
    let dir = tempfile::tempdir().unwrap();
    for (name, values) in [("a.csv", a), ("b.csv", b)] {
        let rows: String = values.iter().map(|v| format!("{v},{}\n", v % 2)).collect();
        std::fs::write(dir.path().join(name), rows).unwrap();
    }
    let mut spec: Spec = spec.parse().unwrap();
    spec.resolve(dir.path());
    spec.load(Part::Train, &InputOptions::default()).unwrap()
}

#[test]
fn copies_stay_together() {
    let data = joined("csv:a.csv + 3*csv:b.csv", &[1, 2, 3, 4], &[11, 12, 13, 14, 15, 16]);
    for seed in 0..20 {
        let Split { train, validation, .. } = split(&data, &SplitOptions { seed, ..HALF }).unwrap();
        assert_eq!(validation.len(), 5);
        let stored = |indices: &[usize]| indices.iter().map(|&i| data.stored(i)).collect::<Vec<_>>();
        let (trained, held) = (stored(&train), stored(&validation));
        for sample in 0..10 {
            let copies = trained.iter().filter(|&&other| other == sample).count();
            let (all, held) = (if sample < 4 { 1 } else { 3 }, held.contains(&sample));
            assert_eq!(copies, if held { 0 } else { all });
        }
    }
    let one_part = SplitOptions { from: Some(1), validation: Amount::Count(6), ..HALF };
    let Split { train, validation, .. } = split(&data, &one_part).unwrap();
    assert_eq!((train, validation), ((0..4).collect(), (4..10).collect()));
}

#[test]
fn look_alikes_of_other_parts_are_left_out() {
    let data = joined("csv:a.csv + 2*csv:b.csv", &[100, 60, 201, 20, 101], &[200, 21, 150, 151]);
    let options = SplitOptions { from: Some(1), validation: Amount::Count(2), apart: true, ..HALF };
    for seed in 0..9 {
        let Split { train, validation, alike } = split(&data, &SplitOptions { seed, ..options }).unwrap();
        let mut expected: Vec<usize> =
            validation.iter().filter_map(|i| [Some(2), Some(3), None, None][i - 5]).collect();
        expected.sort_unstable();
        assert_eq!((&alike, alike.iter().any(|i| train.contains(i))), (&expected, false));
        // 150 and 151 are of one part, 100 and 101 are not held out.
        assert_eq!(train.len(), 5 - alike.len() + 2 * 2);
    }
}

#[test]
fn splits_say_what_is_wrong() {
    let data = dataset(10, 1.0, 0.5, 3.0);
    let message = |validation, from, share| {
        split(&data, &SplitOptions { validation, from, share, ..HALF }).unwrap_err().to_string()
    };
    assert!(message(Amount::Count(10), None, 1.0).contains("10 of 10 different samples held out"));
    assert!(message(Amount::Count(11), None, 1.0).contains("11 of 10 different samples held out"));
    assert!(
        message(Amount::Fraction(1.0), None, 1.0).contains("hold out is 1; it must be from 0 to below 1")
    );
    assert!(message(Amount::Fraction(f64::NAN), None, 1.0).contains("NaN"));
    assert!(message(Amount::Count(1), None, 0.0).contains("train on is 0; it must be above 0"));
    assert!(message(Amount::Count(1), Some(1), 1.0).contains("no part 1; it has 1"));
    let twins = joined("csv:a.csv + csv:b.csv", &[1, 2], &[1, 2]);
    let all = SplitOptions { from: Some(0), validation: Amount::Count(2), apart: true, ..HALF };
    assert!(matches!(split(&twins, &all), Err(BatchError::NothingLeft { .. })));
    let none = SplitOptions { validation: Amount::Count(0), ..HALF };
    let whole = Split { train: (0..10).collect(), validation: vec![], alike: vec![] };
    assert_eq!(split(&data, &none).unwrap(), whole);
}

#[test]
fn jpegs_of_held_out_images_are_left_out() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !data.is_dir() {
        println!("skipped: no ../shared/data");
        return;
    }
    let mut spec: Spec =
        "folder:cifar10/train_jpeg_50000.zip + 4*cifar10:cifar10/train_4000.bin".parse().unwrap();
    spec.resolve(&data);
    let input = InputOptions { shape: Some(Shape::new(32, 32, 3)), ..Default::default() };
    let data = spec.load(Part::Train, &input).unwrap();
    let options = SplitOptions { from: Some(1), validation: Amount::Count(400), apart: true, ..HALF };
    let Split { train, validation, alike } = split(&data, &options).unwrap();
    assert_eq!(train.len(), 50_000 - alike.len() + 4 * 3600);
    // The lossless images are the first of the training set, in its order; so are the JPEGs in each class.
    let mut rank = [0; 10];
    for i in 50_000..54_000 {
        let class = data.labels[i] as usize;
        let jpeg = class * 5000 + rank[class];
        rank[class] += 1;
        if validation.binary_search(&i).is_ok() {
            assert!(alike.binary_search(&jpeg).is_ok(), "image {i}");
        }
    }
    // CIFAR-10 has some near-duplicates of its own.
    assert!((400..440).contains(&alike.len()), "{}", alike.len());
}
