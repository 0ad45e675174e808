//! The readers on the committed digits and, where they are, on the shared data sets.

use super::*;
use crate::graph::Shape;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shared() -> Option<PathBuf> {
    let path = repository().join("../shared/data");
    if !path.is_dir() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(path)
}

fn load(base: &Path, spec: &str, input: &InputOptions) -> Dataset {
    let mut spec: Spec = spec.parse().unwrap();
    spec.resolve(base);
    spec.load(Part::Test, input).unwrap()
}

#[test]
fn digits() {
    let base = repository().join("assets/digits");
    let input = InputOptions { shape: Some(Shape::new(8, 8, 1)), scale: Some(0.0625), ..Default::default() };
    let test = load(&base, "csv:digits.csv.gz@0%5", &input);
    let train = load(&base, "csv:digits.csv.gz@!0%5", &input);
    assert_eq!((test.len(), train.len(), test.classes.len()), (360, 1437, 10));
    let mut real = [0.0; 64];
    test.real(0, &mut real);
    assert_eq!(real[..8], [0.0, 0.0, 0.3125, 0.8125, 0.5625, 0.0625, 0.0, 0.0]);
    let raw = RawInput { kind: RawKind::U8, scale: vec![0.0625], zero: vec![0.0] };
    assert_eq!(test.raw(), Some(raw));
    test.check_labels(10).unwrap();
    assert!(test.check_labels(9).is_err());
}

#[test]
fn cifar10_binary_and_jpeg() {
    let Some(base) = shared() else { return };
    let input = InputOptions { shape: Some(Shape::new(32, 32, 3)), ..Default::default() };
    let data = load(&base, "cifar10:cifar10/test_1000.bin@0..10", &input);
    assert_eq!((data.len(), data.classes[0].as_str()), (10, "airplane"));
    let jpeg = load(&base, "folder:cifar10/train_jpeg_50000.zip@~20", &input);
    assert_eq!(jpeg.labels, (0..20).map(|i| i / 2).collect::<Vec<u32>>());
    assert_eq!(jpeg.classes, data.classes);
}

/// Sums of 8 x 8 pixels: 48 numbers that hardly change when an image becomes a JPEG.
fn thumbnails(data: &Dataset) -> Vec<[i32; 48]> {
    let thumbnail = |i| {
        let Some(RawSample::U8(pixels)) = data.raw_sample(i) else { panic!("bytes expected") };
        let mut sums = [0; 48];
        for (at, &value) in pixels.iter().enumerate() {
            let (y, x, c) = (at / 96, at / 3 % 32, at % 3);
            sums[(y / 8 * 4 + x / 8) * 3 + c] += i32::from(value);
        }
        sums
    };
    (0..data.len()).map(thumbnail).collect()
}

#[test]
fn jpegs_and_lossless_images_have_the_same_labels() {
    let Some(base) = shared() else { return };
    let input = InputOptions { shape: Some(Shape::new(32, 32, 3)), ..Default::default() };
    let data =
        load(&base, "folder:cifar10/train_jpeg_50000.zip + 4*cifar10:cifar10/train_4000.bin@~200", &input);
    assert_eq!((data.len(), data.stored_len()), (50_800, 50_200));
    assert_eq!(data.parts(), [0..50_000, 50_000..50_800]);
    let all = thumbnails(&data);
    // The lossless images are among the JPEGs. Each must be much nearer to one of them than to any other, and that
    // one must be of the same class.
    for i in 50_000..50_200 {
        let distance =
            |j: usize| all[i].iter().zip(&all[j]).map(|(a, b)| i64::from(a - b).pow(2)).sum::<i64>();
        let mut best = [(i64::MAX, 0); 2];
        for j in 0..50_000 {
            let this = (distance(j), j);
            if this < best[0] {
                best = [this, best[0]];
            } else if this < best[1] {
                best[1] = this;
            }
        }
        // Squares: the distance itself is less than half.
        assert!(4 * best[0].0 < best[1].0, "image {i}: {best:?}");
        assert_eq!(data.labels[i], data.labels[best[0].1], "image {i}: {best:?}");
    }
}

#[test]
fn keyword_features() {
    let Some(base) = shared() else { return };
    let shape = Some(Shape::new(49, 10, 1));
    let input =
        InputOptions { shape, scale: Some(0.5847029089927673), zero: Some(83.0), ..Default::default() };
    let data = load(&base, "npy:kws/features_int8.npy,kws/labels.npy", &input);
    assert_eq!((data.len(), data.classes.len()), (1000, 12));
    assert_eq!(data.raw().map(|raw| (raw.kind, raw.zero)), Some((RawKind::I8, vec![83.0])));
}
