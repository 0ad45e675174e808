//! `report.html` in a browser: no message on the console, nothing cut off, no text on other text, sorted tables, at
//! the widths of a desk and of a telephone, in light and dark.

use std::path::Path;

use host_tools::job::{Job, QuantizeArgs};
use host_tools::quantize::Outcome;
use host_tools::report::{Arm, FrontPoint, LayerSensitivity, Limit, Report, Sensitivity, html};
use sparrowhawk_tests::browser::{Theme, look};
use sparrowhawk_tests::networks::{Network, SCHEMES, Score, quietly};

/// Looks at a page in both widths and themes; so many pictures must be there.
fn inspect(page: &Path, pictures: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for width in [1200, 420] {
        let looks = [Theme::Light, Theme::Dark].map(|theme| {
            let picture = folder.path().join(format!("{width}-{theme:?}.png"));
            let seen = look(page, width, theme, &picture);
            assert_eq!(seen.findings, [""; 0], "{width} {theme:?}");
            assert_eq!((seen.width, seen.pictures), (width, pictures), "{theme:?}");
            assert!(seen.sorted >= 16, "{seen:?}");
            let picture = std::fs::read(picture).expect("a picture was taken");
            assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
            assert_eq!(picture[16..20], width.to_be_bytes());
            (seen.color, seen.background, picture)
        });
        let [light, dark] = &looks;
        assert!(light.0 != dark.0 && light.1 != dark.1 && light.2 != dark.2, "{width}");
    }
}

#[test]
fn the_inspection_finds_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("wrong.html");
    let page = "<!DOCTYPE html><body><svg width=\"200\" height=\"60\" aria-label=\"a\">\
                <text x=\"10\" y=\"20\">first</text><text x=\"14\" y=\"22\">second</text>\
                <text x=\"190\" y=\"50\">third</text></svg><div style=\"width:900px\">wide</div></body>";
    std::fs::write(&path, page).expect("writes");
    let seen = look(&path, 420, Theme::Light, &folder.path().join("wrong.png"));
    let found = ["the page is 9", "\"first\" on \"second\"", "cut off: \"third\""];
    assert_eq!(seen.findings.len(), found.len(), "{seen:?}");
    for (finding, words) in seen.findings.iter().zip(found) {
        assert!(finding.contains(words), "{finding}");
    }
}

#[test]
fn the_page_of_the_embedded_job() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let args = QuantizeArgs { out: Some(folder.path().to_owned()), ..QuantizeArgs::default() };
    let outcome = quietly(&Job::from_args(&args).expect("the job is right")).expect("the job runs");
    let written = std::fs::read_to_string(folder.path().join("report.html")).expect("is written");
    let json = std::fs::read(folder.path().join("report.json")).expect("is written");
    let report: Report = serde_json::from_slice(&json).expect("report.json is a report");
    assert!(html::page(&report) == written, "the page is made of report.json alone");
    // Each buffer lies within the arena, and the arena is no larger than they need in whole words.
    let tops = outcome.report.arena.iter().map(|buffer| (buffer.offset + buffer.bytes) as usize);
    assert_eq!(tops.max().map(|top| top.next_multiple_of(4)), Some(outcome.report.arena_bytes));
    // Difference, traces, Omega, bits, three panels, arena, three of the training, confusion; legends: three widths of
    // Omega, three of the bits, four roles, three kinds of areas, three lines, two of the confusion.
    inspect(&folder.path().join("report.html"), 12 + 3 + 3 + 4 + 3 + 3 + 2);
}

#[test]
fn the_page_of_a_report_with_everything() {
    let page = |network: Network, cycles: usize| {
        let outcomes = SCHEMES.map(|scheme| network.quantized(scheme, Score::Few));
        let [Some(w8a8), Some(w4a8), Some(w4a4)] = outcomes else { return };
        let report = with_everything(&w4a8.report, &[("uniform w8a8", w8a8), ("uniform w4a4", w4a4)]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("report.html");
        std::fs::write(&path, html::page(&report)).expect("writes");
        // Difference, traces, Omega, bits, six panels, arena, confusion; legends: three widths of Omega, two of the
        // bits, three roles, three kinds of areas, two of the confusion.
        inspect(&path, 12 + 3 + 2 + 3 + 3 + 2 + cycles);
    };
    page(Network::Digits, 0);
    // Its board has a latency table.
    page(Network::ResNet20, 2);
}

/// A report with the parts that only other jobs have. Bytes, work and accuracies are those of the outcomes; the
/// sensitivities follow from the sizes of the layers.
fn with_everything(report: &Report, outcomes: &[(&str, &Outcome)]) -> Report {
    let mut report = report.clone();
    let layer = |(i, step): (usize, &host_tools::report::StepReport)| {
        let weights = step.weight_bytes as u64 * 8 / u64::from(step.bits_w);
        let trace = 3.0 / (i + 1) as f64;
        let error = |bits: u8| weights as f64 * 0.3 / f64::from(4u32.pow(bits.into()));
        LayerSensitivity {
            name: step.name.clone(),
            weights,
            trace,
            standard_error: trace / (2 + i % 5) as f64,
            squared_error: [2, 4, 8].map(|bits| (bits, error(bits))).into(),
            omega: [2, 4, 8].map(|bits| (bits, trace / weights as f64 * error(bits))).into(),
        }
    };
    let with_weights = report.per_step.iter().filter(|step| step.bits_w > 0);
    let layers: Vec<LayerSensitivity> = with_weights.enumerate().map(layer).collect();
    let omega = |bits: u8| layers.iter().map(|layer| layer.omega[&bits]).sum::<f64>();
    let arm = |(name, outcome): &(&str, &Outcome)| {
        let other = &outcome.report;
        Arm {
            name: (*name).to_owned(),
            omega: Some(omega(other.assignment.weights)),
            weight_bytes: other.weight_bytes as u64,
            arena_bytes: other.arena_bytes as u64,
            cycles: other.per_step.iter().map(|step| step.cycles).sum(),
            post_training_accuracy: Some(other.accuracy),
            accuracy: None,
        }
    };
    let bops = |weights: u64| report.macs * weights * u64::from(report.assignment.activations);
    let point = |bits: u8| FrontPoint {
        objective: omega(bits),
        weight_bytes: report.weight_bytes as u64 * u64::from(bits) / 4,
        arena_bytes: report.arena_bytes as u64 + u64::from(bits) * 16,
        bops: bops(bits.into()),
        cycles: None,
        accuracy: Some(report.accuracy),
        chosen: bits == 4,
    };
    let limit = |asked: u64, used: u64| Limit { asked: Some(asked), used };
    report.constraints.flash_bytes = limit(65_536, report.model_bytes as u64);
    report.constraints.ram_bytes = limit(1024, report.arena_bytes as u64);
    report.constraints.bops = Some(limit(bops(8), bops(4)));
    report.assignment.objective = Some("the sum of Omega".into());
    report.assignment.front = [2, 4, 8].map(point).into();
    report.assignment.arms = outcomes.iter().map(arm).collect();
    report.sensitivity = Some(Sensitivity { samples: report.samples, probes: 100, seed: 0, layers });
    report
}
