//! Charts with one row for each name: names at the left, values along a common horizontal axis.

use super::axis::{BELOW, CHARACTER, Frame};
use super::scale::Scale;
use super::svg::{Anchor, Mark, Svg};
use super::text::{node, shorten};

const ROW: f64 = 22.0;

/// The rows of a chart.
pub(super) struct Rows {
    pub(super) svg: Svg,
    pub(super) frame: Frame,
    scale: Scale,
}

impl Rows {
    /// Names, axis and grid, without values.
    pub(super) fn new(width: f64, label: &str, names: &[&str], scale: Scale, title: &str) -> Self {
        // On a telephone a third is left for names.
        let most = if width > 600.0 { 36 } else { 17 };
        let names: Vec<(String, &str)> =
            names.iter().map(|name| (shorten(node(name), most), *name)).collect();
        let longest = names.iter().map(|(short, _)| short.chars().count()).max().unwrap_or(0);
        let left = longest as f64 * CHARACTER + 12.0;
        let height = names.len() as f64 * ROW;
        let frame = Frame { left, top: 4.0, width: width - left - 24.0, height };
        let mut svg = Svg::new(width, frame.bottom() + BELOW, label);
        for (i, (short, full)) in names.iter().enumerate() {
            if i % 2 == 0 {
                svg.add(Mark::rect(0.0, frame.top + i as f64 * ROW, width, ROW).class("band"));
            }
            let y = frame.top + (i as f64 + 0.5) * ROW + 4.0;
            svg.add(Mark::text(left - 8.0, y, Anchor::End, short).class("name").title(full));
        }
        frame.horizontal(&mut svg, &scale, title);
        Self { svg, frame, scale }
    }

    /// Middle of a row.
    pub(super) fn y(&self, row: usize) -> f64 {
        self.frame.top + (row as f64 + 0.5) * ROW
    }

    /// Place of a value; `None` where the axis has none for it.
    pub(super) fn x(&self, value: f64) -> Option<f64> {
        self.scale.at(value).map(|position| self.frame.x(position))
    }

    /// A line from `lo` to `hi` with ends; an end without a place is that of the axis.
    pub(super) fn whisker(&mut self, row: usize, lo: f64, hi: f64, class: &str) {
        let Some(right) = self.x(hi) else { return };
        let left = self.x(lo);
        let (x, y) = (left.unwrap_or(self.frame.left), self.y(row));
        let class = format!("whisker {class}");
        self.svg.add(Mark::line(x, y, right, y).class(&class));
        for end in [left, Some(right)].into_iter().flatten() {
            self.svg.add(Mark::line(end, y - 4.0, end, y + 4.0).class(&class));
        }
    }
}
