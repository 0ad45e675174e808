//! A picture as SVG: well-formed, escaped, and without a coordinate that is not a number.

use std::fmt::Write;

use super::text::escape;

/// Where a text's position is in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture; its units are pixels at its natural size.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    label: String,
    body: String,
}

/// One element.
#[derive(Debug)]
pub(super) struct Mark {
    tag: &'static str,
    attributes: String,
    content: String,
    /// Whether every coordinate is a number.
    finite: bool,
}

impl Mark {
    fn new(tag: &'static str, coordinates: &[(&str, f64)]) -> Self {
        let mark = Self { tag, attributes: String::new(), content: String::new(), finite: true };
        coordinates.iter().fold(mark, |mark, &(name, value)| mark.number(name, value))
    }

    pub(super) fn rect(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self::new("rect", &[("x", x), ("y", y), ("width", width.max(0.0)), ("height", height.max(0.0))])
    }

    pub(super) fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Self {
        Self::new("line", &[("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)])
    }

    pub(super) fn text(x: f64, y: f64, anchor: Anchor, text: &str) -> Self {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let mut mark = Self::new("text", &[("x", x), ("y", y)]).attribute("text-anchor", anchor);
        mark.content = escape(text);
        mark
    }

    /// Lines from point to point.
    pub(super) fn path(points: &[(f64, f64)], closed: bool) -> Self {
        let mut mark = Self::new("path", &[]);
        mark.finite = !points.is_empty() && points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
        let mut data = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(data, "{}{} {}", if i == 0 { 'M' } else { 'L' }, decimal(*x), decimal(*y));
        }
        mark.attribute("d", &(data + if closed { "Z" } else { "" }))
    }

    pub(super) fn circle(x: f64, y: f64, radius: f64) -> Self {
        Self::new("circle", &[("cx", x), ("cy", y), ("r", radius)])
    }

    /// How it looks: classes of the style sheet.
    pub(super) fn class(self, class: &str) -> Self {
        self.attribute("class", class)
    }

    /// What hovering over it shows.
    pub(super) fn title(mut self, title: &str) -> Self {
        self.content.insert_str(0, &format!("<title>{}</title>", escape(title)));
        self
    }

    /// A coordinate or another number.
    pub(super) fn number(mut self, name: &str, value: f64) -> Self {
        self.finite &= value.is_finite();
        let _ = write!(self.attributes, " {name}=\"{}\"", decimal(value));
        self
    }

    pub(super) fn attribute(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", escape(value));
        self
    }
}

impl Svg {
    /// An empty picture; `label` says what is seen to those who cannot see it.
    pub(super) fn new(width: f64, height: f64, label: &str) -> Self {
        Self { width, height, label: label.to_owned(), body: String::new() }
    }

    /// Pixels across.
    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// Draws an element over those before it; one that is nowhere is left out.
    pub(super) fn add(&mut self, mark: Mark) {
        let Mark { tag, attributes, content, finite } = mark;
        if finite {
            let _ = writeln!(self.body, "<{tag}{attributes}>{content}</{tag}>");
        }
    }

    /// A pattern of slanted lines to fill with: `url(#id)`; `id` must be the only one of the page.
    pub(super) fn hatch(&mut self, id: &str) {
        let _ = writeln!(
            self.body,
            "<defs><pattern id=\"{}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" class=\"hatch-ground\"/>\
             <line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" class=\"hatch-line\"/></pattern></defs>",
            escape(id)
        );
    }

    /// The markup.
    pub(super) fn finish(self, class: &str) -> String {
        let Self { width, height, label, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{body}</svg>\n",
            decimal(width),
            decimal(height),
            escape(&label),
        )
    }
}

/// A hundredth of a pixel is enough.
fn decimal(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nowhere_is_not_drawn() {
        let mut svg = Svg::new(10.0, 10.0, "a < b");
        svg.add(Mark::rect(f64::NAN, 0.0, 1.0, 1.0));
        svg.add(Mark::path(&[(0.0, f64::INFINITY)], false));
        svg.add(Mark::path(&[], false));
        svg.add(Mark::circle(1.0, 2.0 / 3.0, 3.0).title("\"x\" & <y>"));
        let markup = svg.finish("small");
        assert_eq!(markup.matches("<rect").count() + markup.matches("<path").count(), 0);
        assert!(
            markup.contains(
                "<circle cx=\"1\" cy=\"0.67\" r=\"3\"><title>&quot;x&quot; &amp; &lt;y&gt;</title>"
            )
        );
        assert!(markup.contains("aria-label=\"a &lt; b\""));
    }

    #[test]
    fn minus_zero_is_zero() {
        assert_eq!([decimal(-0.001), decimal(1.005), decimal(-2.5)], ["0", "1", "-2.5"]);
    }
}
