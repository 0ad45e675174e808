//! Folding changes the graph, not the function: the folded float graph equals the unfolded one.

use std::path::Path;

use host_tools::graph::{Executor, Graph, Op};
use host_tools::import::import;
use host_tools::lower::{Folded, fold};
use sparrowhawk_tests::{cifar10, kws_features, shared_data};

const SAMPLES: usize = 8;

/// Compares a network with its folded form; a Softmax that folding leaves out is applied to the result.
fn check(path: &Path, samples: &[f32]) {
    let imported = import(path).expect("imports");
    let graph = &imported.graph;
    let Folded { graph: folded, log, .. } = fold(graph);
    let name = path.display();
    assert!(!folded.nodes.iter().any(|n| matches!(n.op, Op::BatchNorm(_) | Op::Softmax)), "{name}");
    let folds = graph.nodes.iter().filter(|n| matches!(n.op, Op::BatchNorm(_) | Op::Softmax)).count();
    assert_eq!(graph.nodes.len() - folded.nodes.len(), folds, "{name}: {log:?}");
    assert!(log.len() >= folds, "{name}: {log:?}");

    let size = graph.shape(graph.input).len();
    let stored: Vec<f32> =
        samples.chunks_exact(size).take(SAMPLES).flat_map(|s| imported.input_from_onnx(s)).collect();
    let run =
        |graph: &Graph| Executor::new(graph).run(&stored, stored.len() / size).expect("the samples fit");
    let (expected, mut got) = (run(graph), run(&folded));
    if graph.nodes.iter().any(|n| matches!(n.op, Op::Softmax)) {
        got.chunks_exact_mut(graph.shape(graph.output).len()).for_each(softmax);
    }
    let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = expected.iter().zip(&got).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest;
    println!("{name}: largest difference {worst:e} of the largest output");
    // A folded weight is rounded once more (2^-24 of itself), in each of up to 20 layers of sums of hundreds of
    // terms: a few hundred roundings that mostly cancel.
    assert!(worst < 2e-5, "{name}: {worst:e}");
}

fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::MIN, f32::max);
    row.iter_mut().for_each(|v| *v = (*v - largest).exp());
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|v| *v /= sum);
}

#[test]
fn digits() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/digits/digits.onnx"));
    let samples: Vec<f32> = (0..64 * SAMPLES).map(|i| (i * 37 % 17) as f32 / 16.0).collect();
    check(path, &samples);
}

#[test]
fn keyword_spotting() {
    let (Some(path), Some(samples)) = (shared_data("models/mlperf_tiny_kws_dscnn.onnx"), kws_features())
    else {
        return;
    };
    check(&path, &samples);
}

#[test]
fn residual_networks() {
    let Some((_, pixels)) = cifar10("cifar10/test_1000.bin") else { return };
    for (name, scale) in [("mlperf_tiny_ic_resnet8.onnx", 1.0), ("cifar10_resnet20.onnx", 1.0 / 64.0)] {
        let Some(folder) = shared_data("models") else { return };
        let samples: Vec<f32> = pixels[..SAMPLES * 3072].iter().map(|p| p * scale).collect();
        check(&folder.join(name), &samples);
    }
}
