//! How training went, epoch by epoch.

use super::axis::{ABOVE, BELOW, Frame, label_room};
use super::figure::{PANEL, Shape, Swatch, figure, panels, point};
use super::scale::Scale;
use super::svg::{Anchor, Mark, Svg};
use super::text::{count, escape, percent, short};
use crate::report::{Report, Training};

const HEIGHT: f64 = 240.0;
const RIGHT: f64 = 16.0;

/// One line of a chart.
struct Series {
    name: &'static str,
    class: &'static str,
    shape: Shape,
    /// Epoch and value.
    points: Vec<(f64, f64)>,
}

pub(super) fn section(report: &Report) -> Option<String> {
    let training = report.training.as_ref().filter(|t| !t.history.is_empty())?;
    let of = |value: fn(&crate::train::EpochReport) -> Option<f64>| -> Vec<(f64, f64)> {
        training.history.iter().filter_map(|e| Some((e.epoch as f64, value(e)?))).collect()
    };
    let training_line = |points| Series { name: "training", class: "s2", shape: Shape::Square, points };
    let loss = [training_line(of(|e| e.loss))];
    let accuracy = [
        training_line(of(|e| e.train_accuracy.map(|share| 100.0 * share))),
        Series {
            name: "validation (integers)",
            class: "s1",
            shape: Shape::Circle,
            points: of(|e| Some(100.0 * e.validation_accuracy)),
        },
    ];
    let rate = [Series {
        name: "learning rate",
        class: "s3",
        shape: Shape::Triangle,
        points: of(|e| e.loss.map(|_| e.rate)),
    }];
    let linear: fn(Vec<f64>) -> Scale = |values| Scale::linear(values.into_iter());
    let percent_scale: fn(Vec<f64>) -> Scale = |values| Scale::percent(values.into_iter());
    let charts = [
        ("mean training loss", &loss[..], linear),
        ("accuracy, %", &accuracy, percent_scale),
        ("learning rate", &rate, linear),
    ];
    let pictures =
        charts.iter().filter_map(|(title, series, scale)| draw(title, series, *scale, training)).collect();
    let legend: Vec<(Swatch, String)> = accuracy
        .iter()
        .chain(&rate)
        .filter(|series| !series.points.is_empty())
        .map(|series| (Swatch::Line(series.class, series.shape), series.name.to_owned()))
        .collect();
    let best = training.history.iter().find(|e| e.epoch == training.best);
    let kept = best.map_or(String::new(), |e| format!(", {} on validation", percent(e.validation_accuracy)));
    let caption = format!(
        "The network of epoch {} was kept (dashed line{kept}); epoch 0 is the network before training, validation is \
         measured by the integer executor on samples that training did not see.",
        training.best
    );
    let picture = figure("Loss, accuracy and rate over the epochs", &legend, &panels(pictures), &caption);
    Some(picture + &inexact(training) + &options(training))
}

fn draw(title: &str, series: &[Series], scale: fn(Vec<f64>) -> Scale, training: &Training) -> Option<Svg> {
    let all = || series.iter().flat_map(|s| s.points.iter().copied());
    all().next()?;
    let last = training.history.iter().map(|e| e.epoch).max()?.max(1);
    let y_scale = scale(all().map(|(_, y)| y).collect());
    let left = label_room(&y_scale);
    let frame = Frame { left, top: ABOVE, width: PANEL - left - RIGHT, height: HEIGHT - ABOVE - BELOW };
    let mut svg = Svg::new(PANEL, HEIGHT, title);
    frame.vertical(&mut svg, &y_scale, title);
    let x = |epoch: f64| frame.x(epoch / last as f64);
    let stride = last.div_ceil(8);
    for epoch in (0..=last).step_by(stride) {
        let at = x(epoch as f64);
        svg.add(Mark::text(at, frame.bottom() + 15.0, Anchor::Middle, &epoch.to_string()).class("tick"));
    }
    svg.add(Mark::line(frame.left, frame.bottom(), frame.right(), frame.bottom()).class("axis"));
    frame.below(&mut svg, "epoch");
    let best = x(training.best as f64);
    svg.add(Mark::line(best, frame.top, best, frame.bottom()).class("limit"));
    // Points would hide the line of a long training.
    let radius = if last <= 40 { 3.5 } else { 1.5 };
    for Series { name, class, shape, points } in series {
        let places: Vec<((f64, f64), (f64, f64))> = points
            .iter()
            .filter_map(|&(epoch, y)| Some(((epoch, y), (x(epoch), frame.y(y_scale.at(y)?)))))
            .collect();
        let corners: Vec<(f64, f64)> = places.iter().map(|(_, place)| *place).collect();
        svg.add(Mark::path(&corners, false).class(&format!("line {class}")));
        for ((epoch, y), (px, py)) in places {
            let text = format!("epoch {epoch}, {name}: {}", short(y));
            svg.add(point(*shape, px, py, radius).class(&format!("point {class}")).title(&text));
        }
    }
    Some(svg)
}

/// Steps that training does not compute exactly.
fn inexact(training: &Training) -> String {
    if training.inexact.is_empty() {
        return String::new();
    }
    let names: String =
        training.inexact.iter().map(|name| format!("<li><code>{}</code></li>", escape(name))).collect();
    format!(
        "<details><summary>{} that training may round differently from the file</summary><ul>{names}</ul></details>\n",
        count(training.inexact.len() as u64, "step", "steps"),
    )
}

fn options(training: &Training) -> String {
    let options = serde_json::to_string_pretty(&training.options).unwrap_or_default();
    if options.is_empty() {
        return options;
    }
    format!(
        "<details><summary>All options of the training</summary><pre>{}</pre></details>\n",
        escape(&options)
    )
}
