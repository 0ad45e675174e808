//! The first screen: what was made, for what, and the few numbers that decide whether it will do.

use super::text::{binary_unit, count, escape, percent, points, short};
use crate::report::{Limit, Report, thousands};

/// A number with what it means.
struct Card {
    label: &'static str,
    figure: String,
    unit: &'static str,
    remarks: Vec<String>,
    limit: Option<Limit>,
}

pub(super) fn headline(report: &Report) -> String {
    let cards: String = cards(report).iter().map(card).collect();
    let board = if report.board.is_empty() {
        String::new()
    } else {
        format!(" for <b>{}</b>", escape(&report.board))
    };
    format!(
        "<h1>{}</h1>\n<p class=\"subtitle\"><b>{}</b>{board}, tested on {} of <code>{}</code></p>\n<div class=\"cards\">\n{cards}</div>\n",
        escape(&report.name),
        escape(&report.scheme),
        count(report.samples as u64, "sample", "samples"),
        escape(&report.data),
    )
}

/// Samples more or fewer than the float network's, in words.
pub(super) fn samples_apart(lost: usize, gained: usize) -> String {
    let apart = gained.abs_diff(lost) as u64;
    match gained.cmp(&lost) {
        std::cmp::Ordering::Equal => "as many samples right as float".into(),
        std::cmp::Ordering::Less => format!("{} fewer right than float", count(apart, "sample", "samples")),
        std::cmp::Ordering::Greater => format!("{} more right than float", count(apart, "sample", "samples")),
    }
}

fn cards(report: &Report) -> Vec<Card> {
    let Report { constraints, lost, gained, .. } = report;
    let difference = report.accuracy - report.float_accuracy;
    let memory = |label, limit: Limit, remark: String| {
        let larger = Some(binary_unit(limit.used)).filter(|text| !text.is_empty());
        let remarks = larger.into_iter().chain([remark]).collect();
        Card { label, figure: thousands(limit.used), unit: "B", remarks, limit: Some(limit) }
    };
    let work = |label, limit: Limit, unit| {
        let (figure, exact) = compact(limit.used);
        Card { label, figure, unit, remarks: exact.into_iter().collect(), limit: Some(limit) }
    };
    let mut cards = vec![
        Card {
            label: "Accuracy, integers",
            figure: percent(report.accuracy).replace("\u{a0}%", ""),
            unit: "%",
            remarks: vec![
                format!("float {}: {} points", percent(report.float_accuracy), points(difference)),
                samples_apart(*lost, *gained),
            ],
            limit: None,
        },
        memory(
            "Flash, model file",
            constraints.flash_bytes,
            format!("weights {} × smaller than float32", short(report.weight_compression)),
        ),
        memory("RAM, arena", constraints.ram_bytes, "tensors and scratch, without the stack".into()),
        work("Work, an inference", Limit { asked: None, used: report.macs }, "MACs"),
    ];
    let latency = constraints.latency_cycles.or(cycles(report).map(|used| Limit { asked: None, used }));
    cards.extend(latency.map(|limit| work("Latency", limit, "cycles")));
    cards.extend(constraints.latency_us.map(|limit| Card {
        label: "Latency",
        figure: short(limit.used as f64 / 1000.0),
        unit: "ms",
        remarks: constraints.latency_basis.iter().cloned().collect(),
        limit: Some(limit),
    }));
    cards.extend(constraints.bops.map(|limit| work("Bit operations", limit, "BOPs")));
    cards
}

/// A count of work with the digits that matter, and all of it where that is not the same.
fn compact(n: u64) -> (String, Option<String>) {
    let (unit, name) = match n {
        0..1_000_000 => return (thousands(n), None),
        1_000_000..1_000_000_000 => (1e6, "M"),
        _ => (1e9, "G"),
    };
    (format!("{:.2} {name}", n as f64 / unit), Some(thousands(n)))
}

/// Cycles of an inference, where every step has them.
fn cycles(report: &Report) -> Option<u64> {
    let all: Option<Vec<u64>> = report.per_step.iter().map(|step| step.cycles).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
}

fn card(card: &Card) -> String {
    let Card { label, figure, unit, remarks, limit } = card;
    let remarks: String = remarks.iter().map(|r| format!("<p>{}</p>\n", escape(r))).collect();
    let meter = limit
        .and_then(|limit| Some((limit.used, limit.asked?)))
        .map_or(String::new(), |limit| meter(limit, unit));
    format!(
        "<div class=\"card\">\n<h2>{}</h2>\n<p class=\"figure\">{} <small>{unit}</small></p>\n{meter}{remarks}</div>\n",
        escape(label),
        escape(figure),
    )
}

/// How much of a limit is used.
fn meter((used, asked): (u64, u64), unit: &str) -> String {
    let share = 100.0 * used as f64 / asked.max(1) as f64;
    let asked_for = match unit {
        "ms" => short(asked as f64 / 1000.0),
        _ => thousands(asked),
    };
    let (class, verdict) = if used <= asked {
        ("", format!("{share:.0} % of the limit of {asked_for} {unit}"))
    } else {
        (" over", format!("over the limit of {asked_for} {unit}"))
    };
    format!(
        "<div class=\"meter{class}\"><span style=\"width:{:.1}%\"></span></div>\n<p>{}</p>\n",
        share.min(100.0),
        escape(&verdict),
    )
}
