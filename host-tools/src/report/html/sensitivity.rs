//! Which layers the loss depends on most, and what each width of their weights would cost.

use std::collections::BTreeSet;

use super::figure::{Shape, Swatch, both, figure, point};
use super::rows::Rows;
use super::scale::Scale;
use super::svg::Mark;
use super::text::{count, short};
use crate::report::{LayerSensitivity, Report, Sensitivity};

/// Shapes of the widths, narrow ones first.
const SHAPES: [Shape; 4] = [Shape::Triangle, Shape::Circle, Shape::Square, Shape::Diamond];

pub(super) fn section(report: &Report) -> Option<String> {
    let sensitivity = report.sensitivity.as_ref().filter(|s| !s.layers.is_empty())?;
    let caption = format!(
        "A layer whose trace is larger loses more when its weights are rounded; estimated on {} with {} (seed {}), \
         the thin bar is one standard error to either side.",
        count(sensitivity.samples as u64, "sample", "samples"),
        count(sensitivity.probes as u64, "random vector", "random vectors"),
        sensitivity.seed
    );
    let traces = figure(
        "How sharply the loss rises around each layer’s weights",
        &[],
        &both(|width| traces(width, sensitivity).svg),
        &caption,
    );
    let widths: BTreeSet<u8> = sensitivity.layers.iter().flat_map(|l| l.omega.keys().copied()).collect();
    if widths.is_empty() {
        return Some(traces);
    }
    let widths: Vec<u8> = widths.into_iter().collect();
    let legend: Vec<(Swatch, String)> = widths
        .iter()
        .enumerate()
        .map(|(i, &bits)| (Swatch::Point(class(bits), shape(i)), format!("{bits} bits")))
        .collect();
    let omegas = figure(
        "What each width of a layer’s weights is expected to cost",
        &legend,
        &both(|width| omegas(width, sensitivity, &widths).svg),
        "Omega is the mean trace times the squared error of rounding: the assignment gives few bits to layers whose \
         points lie at the left.",
    );
    Some(traces + &omegas)
}

fn shape(index: usize) -> Shape {
    SHAPES[index % SHAPES.len()]
}

/// Class of a width in the style sheet.
pub(super) fn class(bits: u8) -> &'static str {
    match bits {
        0..=2 => "b2",
        3 | 4 => "b4",
        5..=8 => "b8",
        _ => "b16",
    }
}

fn names(sensitivity: &Sensitivity) -> Vec<&str> {
    sensitivity.layers.iter().map(|layer| layer.name.as_str()).collect()
}

fn traces(width: f64, sensitivity: &Sensitivity) -> Rows {
    let layers = &sensitivity.layers;
    let ends = |l: &LayerSensitivity| [l.trace - l.standard_error, l.trace, l.trace + l.standard_error];
    // A lower end that is near zero would take most of a logarithmic axis.
    let least = layers.iter().map(|l| l.trace).filter(|t| *t > 0.0).fold(f64::INFINITY, f64::min);
    let scale = Scale::log(layers.iter().flat_map(ends).filter(|v| *v >= least / 2.0));
    let title = "Hessian trace, loss per squared weight (log scale)";
    let mut rows = Rows::new(width, "Hessian trace of every layer", &names(sensitivity), scale, title);
    for (i, layer) in layers.iter().enumerate() {
        let text = format!(
            "{}: trace {} ± {}, {}",
            layer.name,
            short(layer.trace),
            short(layer.standard_error),
            count(layer.weights, "weight", "weights"),
        );
        let (y, left) = (rows.y(i), rows.frame.left);
        match rows.x(layer.trace) {
            Some(x) => {
                rows.svg.add(Mark::rect(left, y - 5.0, x - left, 10.0).class("bar s1").title(&text));
                rows.whisker(
                    i,
                    layer.trace - layer.standard_error,
                    layer.trace + layer.standard_error,
                    "ink",
                );
                rows.svg.add(point(Shape::Circle, x, y, 3.5).class("point s1").title(&text));
            }
            // A trace that is not positive has no place on this axis.
            None => rows.svg.add(point(Shape::Circle, left, y, 4.0).class("hollow s1").title(&text)),
        }
    }
    rows
}

fn omegas(width: f64, sensitivity: &Sensitivity, widths: &[u8]) -> Rows {
    let layers = &sensitivity.layers;
    let scale = Scale::log(layers.iter().flat_map(|l| l.omega.values().copied()));
    let title = "Omega, expected rise of the loss (log scale)";
    let mut rows = Rows::new(width, "Omega of every layer and width", &names(sensitivity), scale, title);
    for (i, layer) in layers.iter().enumerate() {
        let y = rows.y(i);
        let places: Vec<f64> = layer.omega.values().filter_map(|&omega| rows.x(omega)).collect();
        let (lo, hi) = places.iter().fold((f64::INFINITY, 0.0), |(lo, hi), &x| (x.min(lo), x.max(hi)));
        rows.svg.add(Mark::line(lo, y, hi, y).class("link"));
        for (&bits, &omega) in &layer.omega {
            let index = widths.iter().position(|&w| w == bits).unwrap_or(0);
            let text = format!("{}, {bits} bits: Omega {}", layer.name, short(omega));
            let (x, kind) = match rows.x(omega) {
                Some(x) => (x, "point"),
                None => (rows.frame.left, "hollow"),
            };
            let mark = point(shape(index), x, y, 5.0).class(&format!("{kind} {}", class(bits)));
            rows.svg.add(mark.title(&text));
        }
    }
    rows
}
