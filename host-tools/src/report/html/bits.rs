//! Bits of every layer: weights upwards, activations downwards from a line of step numbers.

use std::collections::BTreeSet;

use super::figure::{Swatch, both, figure};
use super::sensitivity::class;
use super::svg::{Anchor, Mark, Svg};
use crate::report::{LayerWidths, Report};

/// Least width of a layer's column: two digits.
const LEAST: f64 = 20.0;
const MOST: f64 = 46.0;
/// Pixels of the widest width there is.
const TALL: f64 = 56.0;
/// Pixels of the numbers between weights and activations.
const BETWEEN: f64 = 18.0;
const LEFT: f64 = 74.0;

pub(super) fn section(report: &Report) -> Option<String> {
    let layers = report.assignment.layers.as_slice();
    if layers.is_empty() {
        return None;
    }
    let widths: BTreeSet<u8> =
        layers.iter().flat_map(|l| [l.weights, l.activations]).map(|bits| bits as u8).collect();
    let legend: Vec<(Swatch, String)> =
        widths.iter().map(|&bits| (Swatch::Area(class(bits)), format!("{bits} bits"))).collect();
    let assignment = &report.assignment;
    let how = match &assignment.objective {
        Some(objective) => format!("Chosen by “{}”, which minimises {objective}", assignment.method),
        None => format!("Chosen by “{}”", assignment.method),
    };
    let caption = format!(
        "{how}; layers with weights in the order of execution, numbered as in the table of layers below, residual sums \
         in {} bits.",
        assignment.residual
    );
    let content = both(|width| draw(width, layers, &numbers(report)));
    Some(figure("Bits of the weights and of the operand of each layer", &legend, &content, &caption))
}

/// Step number of every layer: that of the step with its name, else its own place.
fn numbers(report: &Report) -> Vec<usize> {
    let number = |(i, layer): (usize, &LayerWidths)| {
        report.per_step.iter().position(|step| step.name == layer.name).unwrap_or(i)
    };
    report.assignment.layers.iter().enumerate().map(number).collect()
}

fn draw(width: f64, layers: &[LayerWidths], numbers: &[usize]) -> Svg {
    let across = width - LEFT - 6.0;
    let most = ((across / LEAST) as usize).max(1);
    let lines = layers.len().div_ceil(most);
    // Lines of equal length, so that the last one is not short.
    let per_line = layers.len().div_ceil(lines);
    let column = (across / per_line as f64).min(MOST);
    let height = 2.0 * TALL + BETWEEN + 22.0;
    let mut svg = Svg::new(width, lines as f64 * height, "Bits of every layer");
    let widest = layers.iter().flat_map(|l| [l.weights, l.activations]).fold(8, u32::max);
    for (line, (layers, numbers)) in layers.chunks(per_line).zip(numbers.chunks(per_line)).enumerate() {
        let middle = line as f64 * height + TALL + 10.0;
        let below = middle + BETWEEN;
        for (text, y) in [("weights", middle - 8.0), ("step", middle + 13.0), ("activations", below + 16.0)] {
            svg.add(Mark::text(LEFT - 8.0, y, Anchor::End, text).class("tick"));
        }
        for (i, (layer, number)) in layers.iter().zip(numbers).enumerate() {
            let x = LEFT + i as f64 * column;
            let tall = |bits: u32| TALL * f64::from(bits) / f64::from(widest);
            let (w, a) = (tall(layer.weights), tall(layer.activations));
            let center = x + column / 2.0;
            svg.add(Mark::text(center, middle + 13.0, Anchor::Middle, &number.to_string()).class("tick"));
            bar(&mut svg, (x, middle - w, column, w), layer.weights, middle - w + 13.0, layer, "weights");
            bar(&mut svg, (x, below, column, a), layer.activations, below + a - 4.0, layer, "activations");
        }
    }
    svg
}

fn bar(
    svg: &mut Svg,
    (x, y, width, height): (f64, f64, f64, f64),
    bits: u32,
    text: f64,
    layer: &LayerWidths,
    what: &str,
) {
    let class = class(bits as u8);
    let title = format!("{}: {what} in {bits} bits", layer.name);
    svg.add(Mark::rect(x + 1.0, y, width - 2.0, height).class(class).title(&title));
    // Narrow bars have room for their number only where they are tall enough for a line of text.
    if height >= 14.0 {
        let mark = Mark::text(x + width / 2.0, text, Anchor::Middle, &bits.to_string());
        svg.add(mark.class(&format!("on-{class}")));
    }
}
