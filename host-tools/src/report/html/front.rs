//! What other bits would have given: the front of best assignments and the controls, against everything that a
//! board limits.

use super::axis::{ABOVE, BELOW, Frame, label_room};
use super::figure::{PANEL, Shape, Swatch, figure, panels, point};
use super::scale::Scale;
use super::svg::{Anchor, Mark, Svg};
use super::text::{escape, percent, short};
use crate::report::{Arm, FrontPoint, RankedPoint, Report, thousands};

const HEIGHT: f64 = 280.0;
const RIGHT: f64 = 18.0;

/// What a dot stands for.
#[derive(Clone, Debug, PartialEq)]
enum Role {
    Front,
    /// HAWQ-V2's.
    Ranked,
    Chosen,
    /// A control, with its letter.
    Arm(String),
}

/// One assignment with what is known of it.
struct Dot {
    role: Role,
    name: String,
    omega: Option<f64>,
    accuracy: Option<f64>,
    weight_bytes: f64,
    arena_bytes: Option<f64>,
    bops: Option<f64>,
    cycles: Option<f64>,
}

/// One thing to plot.
struct Measure {
    name: &'static str,
    of: fn(&Dot) -> Option<f64>,
    /// Units with the number that one is of, the larger first.
    units: &'static [(f64, &'static str)],
}

const SIZES: [Measure; 4] = [
    Measure { name: "packed weights", of: |d| Some(d.weight_bytes), units: BYTES },
    Measure { name: "arena (RAM)", of: |d| d.arena_bytes, units: BYTES },
    Measure { name: "bit operations", of: |d| d.bops, units: COUNTS },
    Measure { name: "cycles", of: |d| d.cycles, units: COUNTS },
];
const BYTES: &[(f64, &str)] = &[(1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "bytes")];
const COUNTS: &[(f64, &str)] = &[(1e9, "billions"), (1e6, "millions"), (1e3, "thousands"), (1.0, "number")];

/// Whether more or less is better, with the axis.
struct Quality {
    title: &'static str,
    of: fn(&Dot) -> Option<f64>,
    more_is_better: bool,
}

const QUALITIES: [Quality; 2] = [
    Quality { title: "sum of Omega (loss), log scale", of: |d| d.omega, more_is_better: false },
    Quality { title: "accuracy, %", of: |d| d.accuracy.map(|share| 100.0 * share), more_is_better: true },
];

pub(super) fn section(report: &Report) -> Option<String> {
    let dots = dots(report);
    if dots.is_empty() {
        return None;
    }
    let pictures: Vec<Svg> = QUALITIES
        .iter()
        .flat_map(|quality| SIZES.iter().map(move |size| (size, quality)))
        .filter_map(|(size, quality)| draw(&dots, size, quality))
        .collect();
    let mut content = if pictures.is_empty() { String::new() } else { panels(pictures) };
    content += &table(report, &dots);
    let some = |role: fn(&Role) -> bool| dots.iter().any(|dot| role(&dot.role));
    let legend: Vec<(Swatch, String)> = [
        (some(|r| *r == Role::Front), Swatch::Line("s1", Shape::Circle), "best assignments found"),
        (
            some(|r| *r == Role::Ranked),
            Swatch::Point("s4", Shape::Triangle),
            "HAWQ-V2: bits in the order of the traces",
        ),
        (some(|r| *r == Role::Chosen), Swatch::Point("s2", Shape::Star), "the file’s assignment"),
        (some(|r| matches!(r, Role::Arm(_))), Swatch::Point("s3", Shape::Square), "controls, by letter"),
    ]
    .into_iter()
    .filter(|(there, ..)| *there)
    .map(|(_, swatch, text)| (swatch, text.to_owned()))
    .collect();
    Some(figure(
        "Expected loss and accuracy against size and work",
        &legend,
        &content,
        "Every dot is one way to choose the bits; the line joins those of the search that no other of at most their \
         size beats, in what the panel shows.",
    ))
}

fn dots(report: &Report) -> Vec<Dot> {
    let front = |p: &FrontPoint| Dot {
        role: if p.chosen { Role::Chosen } else { Role::Front },
        name: if p.chosen { "the file’s assignment" } else { "on the front" }.into(),
        omega: Some(p.objective),
        accuracy: p.accuracy,
        weight_bytes: p.weight_bytes as f64,
        arena_bytes: Some(p.arena_bytes as f64),
        bops: Some(p.bops as f64),
        cycles: p.cycles.map(|n| n as f64),
    };
    let ranked = |p: &RankedPoint| Dot {
        role: Role::Ranked,
        name: "in the order of the traces".into(),
        omega: Some(p.objective),
        accuracy: None,
        weight_bytes: p.weight_bytes as f64,
        arena_bytes: None,
        bops: Some(p.bops as f64),
        cycles: p.cycles.map(|n| n as f64),
    };
    let arm = |(i, arm): (usize, &Arm)| Dot {
        role: Role::Arm(letter(i)),
        name: arm.name.clone(),
        omega: arm.omega,
        accuracy: arm.accuracy.or(arm.post_training_accuracy),
        weight_bytes: arm.weight_bytes as f64,
        arena_bytes: Some(arm.arena_bytes as f64),
        bops: None,
        cycles: arm.cycles.map(|n| n as f64),
    };
    let assignment = &report.assignment;
    let found = assignment.front.iter().map(front).chain(assignment.ranked_front.iter().map(ranked));
    found.chain(assignment.arms.iter().enumerate().map(arm)).collect()
}

/// A to Z, then by number.
fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(i) if i < 26 => char::from(b'A' + i).to_string(),
        _ => (index + 1).to_string(),
    }
}

/// The picture of two measures; `None` where fewer than two dots would differ.
fn draw(dots: &[Dot], size: &Measure, quality: &Quality) -> Option<Svg> {
    let known: Vec<(f64, f64, &Dot)> =
        dots.iter().filter_map(|dot| Some(((size.of)(dot)?, (quality.of)(dot)?, dot))).collect();
    let differ = known.iter().any(|(x, ..)| *x != known[0].0);
    if !differ {
        return None;
    }
    let largest = known.iter().map(|(x, ..)| *x).fold(0.0, f64::max);
    let (unit, unit_name) =
        size.units.iter().find(|(n, _)| largest >= 4.0 * n).copied().unwrap_or((1.0, "number"));
    let x_scale = Scale::linear(known.iter().map(|(x, ..)| x / unit));
    let ys = || known.iter().map(|(_, y, _)| *y);
    let y_scale = if quality.more_is_better { Scale::percent(ys()) } else { Scale::log(ys()) };
    let left = label_room(&y_scale);
    let frame = Frame { left, top: ABOVE, width: PANEL - left - RIGHT, height: HEIGHT - ABOVE - BELOW };
    let mut svg = Svg::new(PANEL, HEIGHT, &format!("{} against {}", quality.title, size.name));
    frame.vertical(&mut svg, &y_scale, quality.title);
    frame.horizontal(&mut svg, &x_scale, &format!("{}, {unit_name}", size.name));
    let place = |x: f64, y: f64| Some((frame.x(x_scale.at(x / unit)?), frame.y(y_scale.at(y)?)));
    let best = best(&known, quality.more_is_better);
    let corners: Vec<(f64, f64)> = best.iter().filter_map(|&(x, y)| place(x, y)).collect();
    if corners.len() > 1 {
        svg.add(Mark::path(&corners, false).class("line s1"));
    }
    let mut taken: Vec<(f64, f64)> = known.iter().filter_map(|(x, y, _)| place(*x, *y)).collect();
    // The chosen one is drawn last, over all others.
    let mut order: Vec<&(f64, f64, &Dot)> = known.iter().collect();
    order.sort_by_key(|(.., dot)| dot.role == Role::Chosen);
    for (x, y, dot) in order {
        let Some((px, py)) = place(*x, *y) else { continue };
        let text =
            format!("{}: {} {}, {}: {}", dot.name, short(x / unit), unit_name, quality.title, short(*y));
        let (shape, radius, class) = match &dot.role {
            Role::Front => (Shape::Circle, 3.5, "point s1"),
            Role::Ranked => (Shape::Triangle, 3.0, "point s4"),
            Role::Chosen => (Shape::Star, 7.0, "point s2"),
            Role::Arm(_) => (Shape::Square, 4.5, "point s3"),
        };
        svg.add(point(shape, px, py, radius).class(class).title(&text));
        if let Role::Arm(letter) = &dot.role
            && let Some((tx, ty)) = free_place(&frame, (px, py), &taken)
        {
            taken.push((tx, ty));
            svg.add(Mark::text(tx, ty + 4.0, Anchor::Middle, letter).class("letter"));
        }
    }
    Some(svg)
}

/// Dots that none of at most their size beats, by size.
fn best(known: &[(f64, f64, &Dot)], more_is_better: bool) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = known
        .iter()
        .filter(|(.., dot)| matches!(dot.role, Role::Front | Role::Chosen))
        .map(|&(x, y, _)| (x, y))
        .collect();
    let better = |a: f64, b: f64| if more_is_better { a > b } else { a < b };
    sorted.sort_by(|a, b| {
        a.0.total_cmp(&b.0).then(if more_is_better { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) })
    });
    let mut best: Vec<(f64, f64)> = Vec::new();
    for dot in sorted {
        if best.last().is_none_or(|last| better(dot.1, last.1)) {
            best.push(dot);
        }
    }
    best
}

/// A place for a letter beside a dot that no dot or letter has yet.
fn free_place(frame: &Frame, (x, y): (f64, f64), taken: &[(f64, f64)]) -> Option<(f64, f64)> {
    let around = |distance: f64| {
        (0..8).map(move |i| {
            let angle = std::f64::consts::TAU * f64::from(i) / 8.0;
            (x + distance * angle.cos(), y - distance * angle.sin())
        })
    };
    let inside = |&(x, y): &(f64, f64)| {
        x > frame.left + 6.0 && x < frame.right() + 8.0 && y > frame.top - 6.0 && y < frame.bottom() - 8.0
    };
    let free = |&(x, y): &(f64, f64)| taken.iter().all(|(a, b)| (x - a).hypot(y - b) > 11.0);
    let mut places = around(13.0).chain(around(20.0)).chain(around(28.0)).filter(inside);
    places.find(free)
}

/// The file's assignment and the controls in numbers.
fn table(report: &Report, dots: &[Dot]) -> String {
    let omega = |omega: Option<f64>| omega.map_or("–".into(), short);
    let share = |share: Option<f64>| share.map_or("–".into(), percent);
    // A telephone has no room for all; the arena has its picture.
    const CLASSES: [&str; 5] = ["", "", " class=\"desk\"", "", ""];
    let row = |mark: &str, name: &str, figures: [String; 5]| {
        let cells: String =
            figures.iter().zip(CLASSES).map(|(f, class)| format!("<td{class}>{}</td>", escape(f))).collect();
        format!("<tr><th scope=\"row\"><b>{}</b> {}</th>{cells}</tr>\n", escape(mark), escape(name))
    };
    let chosen = dots.iter().filter(|dot| dot.role == Role::Chosen).map(|dot| {
        let before = report.post_training.as_ref().map(|before| before.accuracy);
        let sizes = [dot.weight_bytes, dot.arena_bytes.unwrap_or(0.0)];
        let [weights, arena] = sizes.map(|n| thousands(n as u64));
        row("★", &dot.name, [omega(dot.omega), weights, arena, share(before), share(Some(report.accuracy))])
    });
    let arms = report.assignment.arms.iter().enumerate().map(|(i, arm)| {
        let figures = [
            omega(arm.omega),
            thousands(arm.weight_bytes),
            thousands(arm.arena_bytes),
            share(arm.post_training_accuracy),
            share(arm.accuracy),
        ];
        row(&letter(i), &arm.name, figures)
    });
    let rows: String = chosen.chain(arms).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<div class=\"scroll\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">Assignment</th><th scope=\"col\">Omega</th>\
         <th scope=\"col\">Weights, B</th><th scope=\"col\" class=\"desk\">Arena, B</th><th scope=\"col\">Post-training</th>\
         <th scope=\"col\">Final</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}
