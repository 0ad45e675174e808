//! Which classes are taken for which.

use super::figure::{Swatch, both, figure};
use super::svg::{Anchor, Mark, Svg};
use super::text::{count, escape, percent, shorten};
use crate::report::{Report, thousands};

/// More classes than this are no picture but a list of the most frequent mistakes.
const MOST_CLASSES: usize = 40;
const MOST_MISTAKES: usize = 20;
/// Largest side of a picture of few classes.
const LARGEST: f64 = 620.0;
/// Pixels that a character of a class name takes at most.
const CHARACTER: f64 = 6.7;

pub(super) fn section(report: &Report) -> Option<String> {
    let confusion = report.confusion.as_slice();
    if confusion.is_empty() {
        return None;
    }
    let mistakes = mistakes(report);
    let total: u64 = mistakes.iter().map(|m| u64::from(m.2)).sum();
    let worst = mistakes.first().map_or(String::new(), |(from, to, n)| {
        format!(
            ", most often “{}” for “{}” ({})",
            class(report, *to),
            class(report, *from),
            count(u64::from(*n), "sample", "samples")
        )
    });
    let caption = format!(
        "A row is a true class, a column the class that the integers found: {} of {} are off the diagonal{worst}.",
        count(total, "sample", "samples"),
        thousands(report.samples as u64),
    );
    if confusion.len() > MOST_CLASSES {
        let table = list(report, &mistakes);
        return Some(figure(
            "Which classes are taken for which: the most frequent mistakes",
            &[],
            &table,
            &caption,
        ));
    }
    let legend = [
        (Swatch::Area("heat right"), "right, darker: larger share of the row".to_owned()),
        (Swatch::Area("heat wrong"), "wrong".to_owned()),
    ];
    let content = both(|width| draw(width.min(LARGEST), report));
    Some(figure(
        "Which classes are taken for which",
        &legend,
        &format!("<div class=\"square\">{content}</div>"),
        &caption,
    ))
}

fn class(report: &Report, index: usize) -> String {
    report.classes.get(index).cloned().unwrap_or_else(|| index.to_string())
}

/// True class, class found, samples: the most frequent first.
fn mistakes(report: &Report) -> Vec<(usize, usize, u32)> {
    let rows = report.confusion.iter().enumerate();
    let cells = rows.flat_map(|(i, row)| row.iter().enumerate().map(move |(j, &n)| (i, j, n)));
    let mut mistakes: Vec<(usize, usize, u32)> = cells.filter(|&(i, j, n)| i != j && n > 0).collect();
    mistakes.sort_by_key(|&(i, j, n)| (std::cmp::Reverse(n), i, j));
    mistakes
}

fn draw(width: f64, report: &Report) -> Svg {
    let classes = report.confusion.len();
    let most = if width < 500.0 { 9 } else { 16 };
    let names: Vec<String> = (0..classes).map(|i| shorten(&class(report, i), most)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64 * CHARACTER;
    let left = longest + 28.0;
    let cell = ((width - left - 4.0) / classes as f64).min(52.0);
    // Names that do not fit above their column stand on end.
    let turned = longest > cell - 2.0;
    let top = if turned { longest + 30.0 } else { 42.0 };
    let mut svg =
        Svg::new(left + cell * classes as f64 + 4.0, top + cell * classes as f64 + 4.0, "Confusion matrix");
    svg.add(Mark::text(left, 13.0, Anchor::Start, "class found →").class("axis-title"));
    let side = Mark::text(12.0, top, Anchor::End, "← true class").class("axis-title");
    svg.add(side.attribute("transform", &format!("rotate(-90 12 {top:.2})")));
    let middle = |i: usize| (i as f64 + 0.5) * cell;
    let readable = cell >= 12.0;
    for (i, name) in names.iter().enumerate().filter(|_| readable) {
        let full = class(report, i);
        svg.add(Mark::text(left - 6.0, top + middle(i) + 4.0, Anchor::End, name).class("name").title(&full));
        let (x, y) = (left + middle(i), top - 7.0);
        let head = if turned {
            Mark::text(x + 4.0, y, Anchor::Start, name)
                .attribute("transform", &format!("rotate(-90 {:.2} {y:.2})", x + 4.0))
        } else {
            Mark::text(x, y, Anchor::Middle, name)
        };
        svg.add(head.class("name").title(&full));
    }
    for (i, row) in report.confusion.iter().enumerate() {
        let samples: u32 = row.iter().sum();
        for (j, &n) in row.iter().enumerate() {
            let (x, y) = (left + j as f64 * cell, top + i as f64 * cell);
            let share = f64::from(n) / f64::from(samples.max(1));
            let title = format!("true {}, found {}: {n} of {samples}", class(report, i), class(report, j));
            // Single mistakes among many samples must be seen, too: the root lifts small shares.
            let heat = if i == j { share } else { share.sqrt() };
            let look = match (n, i == j) {
                (0, _) => "heat none",
                (_, true) => "heat right",
                (_, false) => "heat wrong",
            };
            let mark = Mark::rect(x + 0.5, y + 0.5, cell - 1.0, cell - 1.0).class(look).title(&title);
            svg.add(mark.attribute("style", &format!("--heat:{heat:.3}")));
            let text = n.to_string();
            if n > 0 && text.len() as f64 * CHARACTER <= cell - 2.0 && readable {
                let mark = Mark::text(x + cell / 2.0, y + cell / 2.0 + 4.0, Anchor::Middle, &text);
                svg.add(mark.class("cell"));
            }
        }
    }
    svg
}

fn list(report: &Report, mistakes: &[(usize, usize, u32)]) -> String {
    let row = |&(from, to, n): &(usize, usize, u32)| {
        let samples: u32 = report.confusion[from].iter().sum();
        format!(
            "<tr><td class=\"op\">{}</td><td class=\"op\">{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&class(report, from)),
            escape(&class(report, to)),
            thousands(n.into()),
            percent(f64::from(n) / f64::from(samples.max(1))),
        )
    };
    let rows: String = mistakes.iter().take(MOST_MISTAKES).map(row).collect();
    format!(
        "<div class=\"scroll\"><table class=\"numbers\"><thead><tr><th scope=\"col\">True class</th><th scope=\"col\">Found</th>\
         <th scope=\"col\">Samples</th><th scope=\"col\">Of its class</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}
