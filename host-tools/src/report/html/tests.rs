//! The page of a report that has everything, with hostile names and numbers that are none.

use super::page;
use crate::report::{
    ArenaBuffer, Arm, Assignment, BufferKind, Constraints, FrontPoint, Hash, LayerSensitivity, LayerWidths,
    Limit, PostTraining, RankedPoint, Report, Reproduce, Sensitivity, StepReport, Training,
};
use crate::train::{EpochReport, TrainOptions};

const NAME: &str = "</script><svg onload=\"x\">&'";

fn epoch(epoch: usize, loss: Option<f64>) -> EpochReport {
    EpochReport {
        epoch,
        loss,
        train_accuracy: loss,
        validation_accuracy: 1.0,
        rate: 0.01,
        samples: epoch * 10,
    }
}

/// Every section, every optional number; all names are `name`, all uncertain numbers `number`.
fn full(name: &str, number: f64) -> Report {
    let name = || name.to_owned();
    let limit = |used| Limit { asked: Some(1000), used };
    let step = |i: usize| StepReport {
        name: format!("{}{i}", name()),
        op: "conv2d".into(),
        output: [2, 2, 3],
        bits_w: 4,
        bits_a: 8,
        weight_bytes: 10 * i,
        macs: 100,
        cycles: Some(200),
        accumulator_bound: 1,
        scale: number,
        zero_point: 0,
    };
    let layer = |trace: f64| LayerSensitivity {
        name: name(),
        weights: 27,
        trace,
        standard_error: number,
        squared_error: [(4, 0.1)].into(),
        omega: [(2, number), (4, 0.01), (8, 0.0)].into(),
    };
    let buffer =
        |kind, offset| ArenaBuffer { name: name(), first_step: 0, last_step: 2, offset, bytes: 64, kind };
    let point = |i: u64| FrontPoint {
        objective: if i == 2 { number } else { 0.1 / (i + 1) as f64 },
        weight_bytes: 10_000 * (i + 1),
        arena_bytes: 1000 + 10 * i,
        bops: 1_000_000 * (i + 1),
        cycles: Some(5000 * (i + 1)),
        accuracy: Some(0.9),
        chosen: i == 1,
    };
    let ranked = |i: u64| RankedPoint {
        objective: if i == 1 { number } else { 0.2 },
        weight_bytes: 9_000 * (i + 1),
        bops: 1_000,
        cycles: None,
    };
    let arm = |i: u64| Arm {
        name: name(),
        omega: Some(0.05),
        weight_bytes: 15_000 + i,
        arena_bytes: 1000,
        cycles: Some(7000),
        post_training_accuracy: Some(number),
        accuracy: None,
    };
    Report {
        name: name(),
        scheme: name(),
        board: name(),
        data: name(),
        samples: 10,
        float_accuracy: 0.9,
        accuracy: number,
        post_training: Some(PostTraining { accuracy: 0.7, lost: 2, gained: 0 }),
        training: Some(Training {
            options: TrainOptions::default(),
            best: 1,
            history: vec![epoch(0, None), epoch(1, Some(number)), epoch(2, Some(0.5))],
            inexact: vec![name()],
        }),
        lost: 1,
        gained: 0,
        model_bytes: 5000,
        weight_bytes: 4000,
        weight_compression: number,
        arena_bytes: 128,
        macs: 1_234_567,
        constraints: Constraints {
            flash_bytes: limit(5000),
            ram_bytes: limit(128),
            bops: Some(limit(2_000_000_000)),
            latency_cycles: Some(limit(900)),
            latency_us: Some(limit(900)),
            latency_basis: Some("counted".into()),
        },
        assignment: Assignment {
            method: name(),
            objective: Some(name()),
            weights: 4,
            activations: 8,
            first_last: 8,
            residual: 8,
            layers: [2, 4, 8]
                .map(|weights| LayerWidths { name: name(), weights, activations: 16 })
                .into_iter()
                .collect(),
            front: (0..4).map(point).collect(),
            ranked_front: (0..3).map(ranked).collect(),
            arms: (0..30).map(arm).collect(),
        },
        sensitivity: Some(Sensitivity {
            samples: 1,
            probes: 2,
            seed: 3,
            layers: vec![layer(1.0), layer(-1.0), layer(number)],
        }),
        per_step: (0..3).map(step).collect(),
        arena: vec![buffer(BufferKind::Tensor, 0), buffer(BufferKind::Scratch, 64)],
        classes: vec![name(), name()],
        confusion: vec![vec![5, 1], vec![0, 4]],
        reproduce: Some(Reproduce {
            command: name(),
            made_by: name(),
            seed: 7,
            job: name(),
            hashes: vec![Hash { name: name(), sha256: name() }],
        }),
        log: vec![name()],
    }
}

/// A report that has only what every report has.
fn bare() -> Report {
    let mut report = full("x", 0.5);
    (report.post_training, report.training, report.sensitivity, report.reproduce) = (None, None, None, None);
    report.assignment = Assignment::default();
    report.per_step.clear();
    report.arena.clear();
    report.classes.clear();
    report.confusion.clear();
    report.log.clear();
    report
}

/// All `<svg>` elements of a page.
fn pictures(page: &str) -> Vec<&str> {
    let starts = page.match_indices("<svg ").map(|(at, _)| at);
    starts.map(|at| &page[at..at + page[at..].find("</svg>").expect("ends") + "</svg>".len()]).collect()
}

#[test]
fn pictures_are_well_formed_and_every_coordinate_is_a_number() {
    for number in [0.5, 0.0, -3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 5e-324] {
        let page = page(&full(NAME, number));
        let pictures = pictures(&page);
        assert!(pictures.len() > 20, "{number}: {}", pictures.len());
        for picture in pictures {
            let document =
                roxmltree::Document::parse(picture).unwrap_or_else(|e| panic!("{number}: {e}\n{picture}"));
            for element in document.descendants().filter(roxmltree::Node::is_element) {
                for name in ["x", "y", "x1", "x2", "y1", "y2", "width", "height", "cx", "cy", "r"] {
                    let value = element.attribute(name).map(str::parse::<f64>);
                    assert!(
                        value.is_none_or(|v| v.is_ok_and(f64::is_finite)),
                        "{number}: {name} of {element:?}"
                    );
                }
            }
        }
        let page = page.replace(super::SCRIPT, "");
        for word in ["NaN", "inf ", "inf<", "inf%"] {
            assert!(!page.contains(word), "{number}: {word}");
        }
    }
}

#[test]
fn names_cannot_become_markup() {
    let page = page(&full(NAME, 0.5));
    assert!(!page.contains("<svg onload"));
    assert_eq!(page.matches("</script>").count(), 1);
    let title = format!("<h1>{}</h1>", super::escape(NAME));
    assert!(page.contains(&title));
}

#[test]
fn what_is_absent_is_left_out() {
    let sections = |page: &str| -> Vec<String> {
        page.split("<section id=\"").skip(1).map(|s| s[..s.find('"').expect("ends")].to_owned()).collect()
    };
    let all = [
        "accuracy",
        "sensitivity",
        "bits",
        "front",
        "arena",
        "steps",
        "training",
        "confusion",
        "reproduce",
        "log",
    ];
    assert_eq!(sections(&page(&full("x", 0.5))), all);
    assert_eq!(sections(&page(&bare())), ["accuracy"]);
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page(&full("x", 0.5));
    for outside in ["http:", "https:", " src=", "@import", "url(http"] {
        let found = page.matches(outside).count();
        let namespaces = if outside == "http:" { page.matches("xmlns=\"http:").count() } else { 0 };
        assert_eq!(found, namespaces, "{outside}");
    }
}

#[test]
fn the_page_is_made_of_the_json_alone() {
    let report = full(NAME, 0.25);
    let json = serde_json::to_string(&report).expect("is JSON");
    let again: Report = serde_json::from_str(&json).expect("reads its own JSON");
    assert_eq!(page(&again), page(&report));
    let json = serde_json::to_string(&bare()).expect("is JSON");
    let again: Report = serde_json::from_str(&json).expect("optional keys may be missing");
    assert_eq!(page(&again), page(&bare()));
}
