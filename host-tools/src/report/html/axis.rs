//! The frame of a chart: grid, ticks and titles of its axes.

use super::scale::Scale;
use super::svg::{Anchor, Mark, Svg};

/// Pixels that a character of a tick label takes at most.
pub(super) const CHARACTER: f64 = 6.7;
/// Pixels below a frame for tick labels and a title.
pub(super) const BELOW: f64 = 40.0;
/// Pixels above a frame for the title of its vertical axis.
pub(super) const ABOVE: f64 = 26.0;

/// Where a chart's data are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Frame {
    pub(super) fn x(&self, position: f64) -> f64 {
        self.left + position * self.width
    }

    pub(super) fn y(&self, position: f64) -> f64 {
        self.bottom() - position * self.height
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The horizontal axis with its title, below.
    pub(super) fn horizontal(&self, svg: &mut Svg, scale: &Scale, title: &str) {
        let ticks = scale.ticks((self.width / 62.0) as usize);
        let mut free = f64::NEG_INFINITY;
        for tick in ticks {
            let x = self.x(tick.at);
            svg.add(Mark::line(x, self.top, x, self.bottom()).class("grid"));
            let half = tick.label.chars().count() as f64 * CHARACTER / 2.0;
            if x - half >= free {
                svg.add(Mark::text(x, self.bottom() + 15.0, Anchor::Middle, &tick.label).class("tick"));
                free = x + half + 6.0;
            }
        }
        svg.add(Mark::line(self.left, self.bottom(), self.right(), self.bottom()).class("axis"));
        self.below(svg, title);
    }

    /// The title of a horizontal axis.
    pub(super) fn below(&self, svg: &mut Svg, title: &str) {
        let half = title.chars().count() as f64 * CHARACTER / 2.0;
        let x = (self.left + self.width / 2.0).min(svg.width() - half).max(half.min(svg.width() / 2.0));
        svg.add(Mark::text(x, self.bottom() + 33.0, Anchor::Middle, title).class("axis-title"));
    }

    /// The vertical axis, its title above it where it can be read without turning the head.
    pub(super) fn vertical(&self, svg: &mut Svg, scale: &Scale, title: &str) {
        for tick in scale.ticks((self.height / 34.0) as usize) {
            let y = self.y(tick.at);
            svg.add(Mark::line(self.left, y, self.right(), y).class("grid"));
            svg.add(Mark::text(self.left - 6.0, y + 4.0, Anchor::End, &tick.label).class("tick"));
        }
        svg.add(Mark::line(self.left, self.top, self.left, self.bottom()).class("axis"));
        svg.add(Mark::text(2.0, self.top - 12.0, Anchor::Start, title).class("axis-title"));
    }
}

/// Pixels that the tick labels of a vertical axis take.
pub(super) fn label_room(scale: &Scale) -> f64 {
    let longest = scale.ticks(6).iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
    (longest as f64 * CHARACTER + 10.0).max(30.0)
}
