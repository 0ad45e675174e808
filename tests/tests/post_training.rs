//! Accuracy and size after quantisation, on the integer executor, against the float network on the same samples.

use host_tools::graph::Shape;
use host_tools::integer::evaluate;
use host_tools::job::{Job, QuantizeArgs};
use sparrowhawk_tests::networks::{Network, Score, load};

/// What must hold of one network in one scheme.
struct Promise {
    scheme: &'static str,
    score: Score,
    /// Points of accuracy that may be lost.
    lost: f64,
    /// Times that the packed weights are smaller than float32.
    compression: f64,
}

/// Blocks of the DSP kernels hold a word per channel beside the weights: with 64 inputs 4 * 64 / 68 is left of 4 times.
/// Losses in 4 bits are reported as they come out, not promised: the limits only find what is broken.
const PROMISES: [Promise; 3] = [
    Promise { scheme: "w8a8", score: Score::All, lost: 0.5, compression: 3.7 },
    Promise { scheme: "w4a8", score: Score::Some(300), lost: 20.0, compression: 6.0 },
    Promise { scheme: "w4a4", score: Score::Some(300), lost: 50.0, compression: 6.0 },
];

/// Checks a network in all schemes; gives the bytes of the models.
fn check(network: Network, arena_bytes: usize) -> Option<Vec<usize>> {
    let mut sizes = Vec::new();
    for Promise { scheme, score, lost, compression } in PROMISES {
        let report = &network.quantized(scheme, score)?.report;
        let (float, integer) = (100.0 * report.float_accuracy, 100.0 * report.accuracy);
        println!(
            "{network:?} {scheme}: float {float:.2} %, integer {integer:.2} % of {} samples; {} B, arena {} B, \
             weights {:.2} times smaller",
            report.samples, report.model_bytes, report.arena_bytes, report.weight_compression
        );
        assert!(float - integer <= lost + 1e-9, "{network:?} {scheme}: {integer:.2} of {float:.2} %");
        assert!(report.weight_compression >= compression, "{network:?} {scheme}");
        assert!(report.arena_bytes <= arena_bytes, "{network:?} {scheme}: arena {} B", report.arena_bytes);
        sizes.push(report.model_bytes);
    }
    Some(sizes)
}

#[test]
fn digits() {
    check(Network::Digits, 12 << 10).expect("the digits are always there");
}

#[test]
fn keyword_spotting() {
    check(Network::Kws, 16_000);
}

#[test]
fn resnet8() {
    check(Network::ResNet8, 49_152);
}

#[test]
fn resnet20_and_its_size_in_4_bits() {
    let Some(sizes) = check(Network::ResNet20, 49_152) else { return };
    for small in &sizes[1..] {
        assert!(*small as f64 <= 0.56 * sizes[0] as f64, "{small} of {} bytes", sizes[0]);
    }
}

#[test]
fn the_report_scores_what_is_written() {
    let outcome = Network::Digits.quantized("w8a8", Score::All).expect("the digits are always there");
    let model = load(&outcome.model);
    assert_eq!(outcome.report.model_bytes, model.file().len());
    assert_eq!(outcome.report.arena_bytes, model.arena_bytes());
    assert_eq!(outcome.report.per_step.len(), model.step_count() as usize);
    let meta = host_tools::quantize::Meta::of(&model).expect("META is there");
    assert_eq!(meta.accuracy, outcome.report.accuracy);
    let job = Job::from_args(&QuantizeArgs::default()).expect("the embedded job is right");
    let [h, w, c] = model.interface().input.dims.map(usize::from);
    let test = job.load_test(Shape::new(h, w, c)).expect("the digits are always there");
    let whole_file = evaluate(&model, &test, |_| {}).expect("the file just made runs");
    assert_eq!(whole_file.accuracy(), outcome.report.accuracy);
    assert_eq!(whole_file.confusion, outcome.report.confusion);
}
