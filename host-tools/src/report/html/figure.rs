//! What stands around a picture: its title, legend, one-sentence caption, and the sizes it is drawn in.

use super::svg::{Mark, Svg};
use super::text::escape;

/// Pixels across a page on a desk.
pub(super) const WIDE: f64 = 1040.0;
/// Pixels across a telephone.
pub(super) const NARROW: f64 = 364.0;
/// Pixels across a picture of which several stand side by side.
pub(super) const PANEL: f64 = 344.0;

/// How a mark looks, in a legend as in the picture.
#[derive(Clone, Copy, Debug)]
pub(super) enum Swatch {
    /// A filled area of this class.
    Area(&'static str),
    /// A line with points of this class.
    Line(&'static str, Shape),
    /// A point of this class.
    Point(&'static str, Shape),
}

/// Shapes tell apart what colours do to most but not to all.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Star,
}

/// A picture that is drawn for a desk and again for a telephone; the style sheet shows one of them.
pub(super) fn both(draw: impl Fn(f64) -> Svg) -> String {
    draw(WIDE).finish("wide") + &draw(NARROW).finish("narrow")
}

/// Pictures or tables under one title.
pub(super) fn figure(title: &str, legend: &[(Swatch, String)], content: &str, caption: &str) -> String {
    format!(
        "<figure>\n<h3>{}</h3>\n{}{content}<figcaption>{}</figcaption>\n</figure>\n",
        escape(title),
        legend_list(legend),
        escape(caption),
    )
}

/// Pictures side by side where there is room.
pub(super) fn panels(pictures: Vec<Svg>) -> String {
    let pictures: String = pictures.into_iter().map(|svg| svg.finish("panel")).collect();
    format!("<div class=\"panels\">\n{pictures}</div>\n")
}

fn legend_list(entries: &[(Swatch, String)]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let entry =
        |(swatch, label): &(Swatch, String)| format!("<li>{}{}</li>", picture(*swatch), escape(label));
    format!("<ul class=\"legend\">{}</ul>\n", entries.iter().map(entry).collect::<String>())
}

fn picture(swatch: Swatch) -> String {
    let mut body = Svg::new(22.0, 14.0, "");
    match swatch {
        Swatch::Area(class) => body.add(Mark::rect(3.0, 1.0, 16.0, 12.0).class(class)),
        Swatch::Line(class, shape) => {
            body.add(Mark::line(0.0, 7.0, 22.0, 7.0).class(&format!("line {class}")));
            body.add(point(shape, 11.0, 7.0, 4.0).class(&format!("point {class}")));
        }
        Swatch::Point(class, shape) => {
            body.add(point(shape, 11.0, 7.0, 5.0).class(&format!("point {class}")));
        }
    }
    body.finish("swatch")
}

/// A point of a shape; `radius` is about half its width.
pub(super) fn point(shape: Shape, x: f64, y: f64, radius: f64) -> Mark {
    let corners = |n: usize, inner: Option<f64>, turn: f64, r: f64| {
        let count = if inner.is_some() { 2 * n } else { n };
        let corner = |i: usize| {
            let angle = turn + std::f64::consts::TAU * i as f64 / count as f64;
            let r = if i % 2 == 1 { inner.map_or(r, |inner| inner * r) } else { r };
            (x + r * angle.sin(), y - r * angle.cos())
        };
        Mark::path(&(0..count).map(corner).collect::<Vec<_>>(), true)
    };
    let half_turn = std::f64::consts::PI;
    match shape {
        Shape::Circle => Mark::circle(x, y, radius),
        Shape::Square => corners(4, None, half_turn / 4.0, radius * 1.25),
        Shape::Diamond => corners(4, None, 0.0, radius * 1.3),
        Shape::Triangle => corners(3, None, 0.0, radius * 1.3),
        Shape::Star => corners(5, Some(0.45), 0.0, radius * 1.5),
    }
}
