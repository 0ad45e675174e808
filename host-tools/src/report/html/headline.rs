//! The first screen: what was made, for what, and the few numbers that decide whether it will do.

use super::text::{binary_unit, bytes, count, escape, percent, points};
use crate::report::{Limit, Report, thousands};

/// A number with what it means.
struct Card {
    label: &'static str,
    figure: String,
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
    let in_units = |n: u64| Some(binary_unit(n)).filter(|text| !text.is_empty());
    let mut cards = vec![
        Card {
            label: "Accuracy, integers",
            figure: percent(report.accuracy),
            remarks: vec![
                format!("float {}: {} points", percent(report.float_accuracy), points(difference)),
                samples_apart(*lost, *gained),
            ],
            limit: None,
        },
        Card {
            label: "Flash, model file",
            figure: bytes(report.model_bytes as u64),
            remarks: in_units(report.model_bytes as u64)
                .into_iter()
                .chain([format!("weights {:.1} × smaller than float32", report.weight_compression)])
                .collect(),
            limit: Some(constraints.flash_bytes),
        },
        Card {
            label: "RAM, arena",
            figure: bytes(report.arena_bytes as u64),
            remarks: in_units(report.arena_bytes as u64)
                .into_iter()
                .chain(["tensors and scratch; stack comes on top".into()])
                .collect(),
            limit: Some(constraints.ram_bytes),
        },
        Card {
            label: "Work, an inference",
            figure: format!("{} MACs", thousands(report.macs)),
            remarks: cycles(report).map(|n| format!("{} cycles", thousands(n))).into_iter().collect(),
            limit: None,
        },
    ];
    let more = [
        ("Latency", constraints.latency_us, "µs"),
        ("Latency", constraints.latency_cycles, "cycles"),
        ("Bit operations", constraints.bops, "BOPs"),
    ];
    cards.extend(more.into_iter().filter_map(|(label, limit, unit)| {
        let limit = limit?;
        let figure = format!("{} {unit}", thousands(limit.used));
        Some(Card { label, figure, remarks: Vec::new(), limit: Some(limit) })
    }));
    cards
}

/// Cycles of an inference, where every step has them.
fn cycles(report: &Report) -> Option<u64> {
    let all: Option<Vec<u64>> = report.per_step.iter().map(|step| step.cycles).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.iter().sum())
}

fn card(card: &Card) -> String {
    let Card { label, figure, remarks, limit } = card;
    let remarks: String = remarks.iter().map(|r| format!("<p>{}</p>\n", escape(r))).collect();
    let meter = limit.and_then(|limit| Some((limit.used, limit.asked?))).map_or(String::new(), meter);
    format!(
        "<div class=\"card\">\n<h2>{}</h2>\n<p class=\"figure\">{}</p>\n{meter}{remarks}</div>\n",
        escape(label),
        escape(figure),
    )
}

/// How much of a limit is used.
fn meter((used, asked): (u64, u64)) -> String {
    let share = used as f64 / asked.max(1) as f64;
    let (class, verdict) =
        if used <= asked { ("", "of the limit") } else { (" over", "of the limit: too much") };
    format!(
        "<div class=\"meter{class}\"><span style=\"width:{:.1}%\"></span></div>\n<p>{:.0} % {verdict}, {}</p>\n",
        100.0 * share.min(1.0),
        100.0 * share,
        thousands(asked),
    )
}
