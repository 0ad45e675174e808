//! Sensitivities of real networks: against an independent implementation, against the integers that lowering
//! makes, and the same whether a run was interrupted or not.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use host_tools::graph::{Graph, Op};
use host_tools::job::Job;
use host_tools::lower;
use host_tools::quantize::Prepared;
use host_tools::sensitivity::{
    Hooks, Method, Sensitivities, SensitivityError, SensitivityOptions, sensitivities,
};
use sparrowhawk_tests::networks::{Network, Score};
use sparrowhawk_tests::shared_data;

fn measure(job: &Job, options: SensitivityOptions) -> Sensitivities {
    let stop = AtomicBool::new(false);
    sensitivities(job, options, Hooks { tell: &|_| {}, stop: &stop }).expect("sensitivities")
}

/// Ranks of numbers, from 0.
fn ranks(numbers: &[f64]) -> Vec<f64> {
    let rank = |x: &f64| numbers.iter().filter(|y| *y < x).count() as f64;
    numbers.iter().map(rank).collect()
}

/// Spearman's correlation of numbers without ties.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let squares: f64 = ranks(a).iter().zip(ranks(b)).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// The reference: double backward of another framework, 200 probes, by the weights as stored.
#[test]
fn resnet20_traces_are_those_of_double_backward() {
    let Some(path) = shared_data("hessian/resnet20_trace.json") else { return };
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("the golden file")).expect("is JSON");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut job = Network::ResNet20.job("w8a8", Score::Few, folder.path()).expect("the data are there");
    let train = job.data.train.as_ref().expect("a training set").to_string();
    job.data.train = Some(format!("{train}@0..512").parse().expect("is a SPEC"));
    let options = SensitivityOptions { eigen_samples: Some(0), ..SensitivityOptions::default() };
    let found = measure(&job, options);
    let number = |value: &serde_json::Value| value.as_f64().expect("is a number");
    let loss = number(&golden["mean_loss"]);
    // f32 logits near 10 are right to 2^-20, and small losses are proportional to their exponentials.
    assert!((found.loss - loss).abs() < 1e-5 * loss, "loss {} is not {loss}", found.loss);
    let layers = golden["layers"].as_array().expect("is a list");
    assert_eq!(found.layers.len(), layers.len());
    let mut means = (Vec::new(), Vec::new());
    for (layer, golden) in found.layers.iter().zip(layers) {
        assert_eq!(Some(layer.weights as u64), golden["params"].as_u64(), "{}", layer.name);
        let (trace, error) = (number(&golden["trace"]), number(&golden["trace_stderr"]));
        let own = layer.stored_trace;
        let bound = 3.0 * error.hypot(own.standard_error);
        assert!((own.mean - trace).abs() <= bound, "{}: {own:?} is not {trace} +- {error}", layer.name);
        means.0.push(own.mean / layer.weights as f64);
        means.1.push(number(&golden["mean_trace"]));
    }
    let correlation = rank_correlation(&means.0, &means.1);
    println!("rank correlation of mean traces {correlation:.4}");
    assert!(correlation >= 0.95, "rank correlation {correlation}");
}

/// Probes of all weights and exact traces from the outputs have nothing in common but the answer.
#[test]
fn probes_and_outputs_agree() {
    let folders =
        [tempfile::tempdir(), tempfile::tempdir()].map(|folder| folder.expect("a temporary folder"));
    let options =
        SensitivityOptions { samples: 32, probes: 16, eigen_samples: Some(0), ..Default::default() };
    for network in [Network::Digits, Network::ResNet20] {
        let job = |folder: &Path| network.job("w8a8", Score::Few, folder);
        let Some(job_exact) = job(folders[0].path()) else { continue };
        let job_probes = job(folders[1].path()).expect("as the first");
        let exact = measure(&job_exact, options);
        let probes = measure(&job_probes, SensitivityOptions { method: Method::Hutchinson, ..options });
        assert_eq!((exact.probes, probes.probes), (1, 16));
        for (exact, probes) in exact.layers.iter().zip(&probes.layers) {
            for (exact, probes) in [
                (exact.trace, probes.trace),
                (exact.stored_trace, probes.stored_trace),
                (exact.activation.trace, probes.activation.trace),
            ] {
                // Of 16 probes, Student's t is beyond 5 once in 6000.
                let error = (exact.mean - probes.mean).abs();
                assert!(error <= 5.0 * probes.standard_error, "{network:?}: {probes:?} is not {exact:?}");
            }
        }
    }
}

#[test]
fn squared_errors_are_those_of_the_integers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = SensitivityOptions { samples: 16, eigen_samples: Some(0), ..SensitivityOptions::default() };
    for (scheme, bits) in [("w8a8", 8u8), ("w4a8", 4), ("w2a4", 2)] {
        let mut job = Network::Digits.job(scheme, Score::Few, folder.path()).expect("always there");
        job.quantize.first_last = bits;
        let found = measure(&job, options);
        let prepared = Prepared::import(&job.model).expect("imports");
        let shape = prepared.graph.shape(prepared.graph.input);
        let calibration = job.load_calibration(shape).expect("samples");
        let bit_plan = prepared.widest_bits(&job.quantize).expect("bits");
        let recipe = prepared.recipe(bit_plan, &job, &calibration).expect("a recipe");
        let network = lower::steps(&prepared.graph, &prepared.layers, &recipe).expect("lowers");
        let steps: Vec<_> = network.infos.iter().filter(|info| info.weight_bits > 0).collect();
        assert_eq!(steps.len(), found.layers.len());
        for (step, layer) in steps.into_iter().zip(&found.layers) {
            assert_eq!((step.weight_bits, &step.name), (u32::from(bits), &layer.name));
            let weights = weights(&prepared.graph, &step.name);
            let stored = step.channels.iter().flat_map(|c| c.weights.iter().map(|&q| f64::from(q) * c.scale));
            let error: f64 = stored.zip(weights).map(|(q, w)| (q - f64::from(*w)).powi(2)).sum();
            // Rounded weights are f32: right to 2^-24 of their size, which squares of differences notice a little.
            let own = layer.squared_error[&bits];
            assert!((own - error).abs() <= 1e-4 * error, "{}: {own} is not {error}", layer.name);
            let omega = layer.mean_trace() * own;
            assert_eq!(layer.omega[&bits], omega, "{}", layer.name);
        }
        for layer in &found.layers {
            let sizes = |numbers: &host_tools::sensitivity::ByBits| [8, 4, 2].map(|bits| numbers[&bits]);
            for [fine, middle, coarse] in [sizes(&layer.squared_error), sizes(&layer.output_error)] {
                assert!(0.0 < fine && fine < middle && middle < coarse, "{}", layer.name);
            }
        }
    }
}

/// Weights of the node that a step is named after.
fn weights<'g>(graph: &'g Graph, step: &str) -> &'g [f32] {
    let node = graph.nodes.iter().find(|node| step.split(" + ").next() == Some(node.name.as_str()));
    match &node.expect("the step's node").op {
        Op::Conv(conv) => &conv.weight,
        Op::Dense(dense) => &dense.weight,
        _ => panic!("{step} has no weights"),
    }
}

#[test]
fn an_interrupted_run_goes_on_and_a_finished_one_is_kept() {
    let folders =
        [tempfile::tempdir(), tempfile::tempdir()].map(|folder| folder.expect("a temporary folder"));
    let jobs = folders
        .each_ref()
        .map(|folder| Network::Digits.job("w8a8", Score::Few, folder.path()).expect("always there"));
    let options = SensitivityOptions {
        samples: 40,
        method: Method::Hutchinson,
        probes: 24,
        tolerance: 0.0,
        eigen_samples: Some(8),
    };
    let whole = measure(&jobs[0], options);
    let pieces = AtomicUsize::new(0);
    let run = |end: usize| {
        pieces.store(0, Ordering::Relaxed);
        let stop = AtomicBool::new(false);
        let tell = |_| stop.store(pieces.fetch_add(1, Ordering::Relaxed) + 1 >= end, Ordering::Relaxed);
        sensitivities(&jobs[1], options, Hooks { tell: &tell, stop: &stop })
    };
    let partial = folders[1].path().join("sensitivity.partial.json");
    // 24 probes of 5 chunks are 120 pieces for weights, as many for activations.
    let mut interruptions = 0;
    let found = loop {
        // Every run gets a little further: what a round of probes or a kind of error does is kept as a whole.
        match run(60 + 30 * interruptions) {
            Err(SensitivityError::Interrupted) => interruptions += 1,
            other => break other.expect("sensitivities"),
        }
        assert!(partial.exists() && interruptions < 20, "no progress after {interruptions} interruptions");
    };
    assert!(interruptions >= 3, "{interruptions} interruptions");
    assert_eq!(found, whole);
    assert!(!partial.exists());
    assert_eq!(run(1).expect("from the file"), whole);
    assert_eq!(pieces.load(Ordering::Relaxed), 0, "nothing is measured again");
}
