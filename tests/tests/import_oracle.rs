//! The real networks must give the results of tract, which shares no code with the float executor.

use std::path::Path;

use host_tools::graph::Executor;
use host_tools::import::{Imported, Problem, check_report, import, import_bytes};
use sparrowhawk_tests::{cifar10, kws_features, kws_labels, shared_data};
use tract_onnx::prelude::*;

/// Samples compared with tract.
const SAMPLES: usize = 16;

/// tract's output for samples in ONNX order, one by one.
fn tract(path: &Path, dims: &[usize], samples: &[f32]) -> TractResult<Vec<f32>> {
    let model = tract_onnx::onnx().model_for_path(path)?.with_input_fact(0, f32::fact(dims).into())?;
    let model = model.into_optimized()?.into_runnable()?;
    let mut all = Vec::new();
    for sample in samples.chunks_exact(dims.iter().product()) {
        let output = model.run(tvec![Tensor::from_shape(dims, sample)?.into()])?;
        all.extend_from_slice(output[0].try_as_plain_ram()?.as_slice::<f32>()?);
    }
    Ok(all)
}

fn run(imported: &Imported, samples: &[f32]) -> Vec<f32> {
    let size = imported.graph.shape(imported.graph.input).len();
    let stored: Vec<_> = samples.chunks_exact(size).flat_map(|s| imported.input_from_onnx(s)).collect();
    Executor::new(&imported.graph).run(&stored, samples.len() / size).expect("the input fits")
}

/// Compares a network on real samples with tract, and its accuracy on all of them with the reference.
fn check(name: &str, dims: &[usize], samples: &[f32], labels: &[u8], reference: f64) {
    let Some(path) = shared_data(&format!("models/{name}")) else { return };
    let result = import(&path);
    println!("{}", check_report(&path, &result));
    let imported = result.expect("imports");

    let size: usize = dims.iter().product();
    let outputs = run(&imported, samples);
    let expected = tract(&path, dims, &samples[..SAMPLES * size]).expect("tract runs");
    let classes = outputs.len() / labels.len();
    let (lo, hi) = expected.iter().fold((f32::MAX, f32::MIN), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let difference =
        expected.iter().zip(&outputs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / (hi - lo);
    println!("{name}: largest difference from tract {difference:e} of the output range");
    // Sums in another order: some thousand roundings of 2^-24 each.
    assert!(difference < 1e-4, "{name}: {difference:e}");

    let argmax = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i);
    let right =
        outputs.chunks_exact(classes).zip(labels).filter(|(row, l)| argmax(row) == Some(**l as usize));
    let accuracy = right.count() as f64 / labels.len() as f64;
    assert!((accuracy - reference).abs() < 1e-9, "{name}: accuracy {accuracy}, reference {reference}");
}

#[test]
fn truncated_files_say_so() {
    let Some(path) = shared_data("models/mlperf_tiny_kws_dscnn.onnx") else { return };
    let bytes = std::fs::read(path).expect("is readable");
    for len in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 100] {
        let problems = import_bytes(&bytes[..len], Path::new(".")).expect_err("is truncated");
        assert!(matches!(problems.as_slice(), [Problem::Truncated { .. }]), "{problems:?}");
    }
}

#[test]
fn keyword_spotting_equals_tract() {
    let (Some(samples), Some(labels)) = (kws_features(), kws_labels()) else { return };
    check("mlperf_tiny_kws_dscnn.onnx", &[1, 1, 49, 10], &samples, &labels, 0.913);
}

#[test]
fn resnet8_equals_tract() {
    let Some((labels, pixels)) = cifar10("cifar10/test_1000.bin") else { return };
    check("mlperf_tiny_ic_resnet8.onnx", &[1, 3, 32, 32], &pixels, &labels, 0.881);
}

#[test]
fn resnet20_equals_tract() {
    let Some((labels, mut pixels)) = cifar10("cifar10/test_1000.bin") else { return };
    for plane in pixels.chunks_exact_mut(3 * 32 * 32) {
        for (c, (mean, std)) in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)].into_iter().enumerate() {
            plane[c * 1024..][..1024].iter_mut().for_each(|v| *v = (*v / 255.0 - mean) / std);
        }
    }
    check("cifar10_resnet20.onnx", &[1, 3, 32, 32], &pixels, &labels, 0.915);
}
