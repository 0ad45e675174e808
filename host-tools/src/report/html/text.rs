//! Numbers and names as text for pages and pictures.

use crate::report::thousands;

/// Text inside an element or a quoted attribute of HTML or XML. What XML does not allow becomes a replacement mark.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A share as per cent.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.2}\u{a0}%", 100.0 * share) } else { "–".into() }
}

/// A difference of shares in percentage points, with its sign.
pub(super) fn points(difference: f64) -> String {
    let points = 100.0 * difference;
    match points {
        _ if !points.is_finite() => "–".into(),
        _ if points.abs() < 0.005 => "±0.00".into(),
        _ if points < 0.0 => format!("−{:.2}", -points),
        _ => format!("+{points:.2}"),
    }
}

/// A count of something.
pub(super) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// Bytes, and in larger units where that is easier to read.
pub(super) fn bytes(n: u64) -> String {
    format!("{} B", thousands(n))
}

/// Bytes in the unit that datasheets use; empty below 1 KiB.
pub(super) fn binary_unit(n: u64) -> String {
    match n {
        0..1024 => String::new(),
        1024..1_048_576 => format!("{:.2} KiB", n as f64 / 1024.0),
        _ => format!("{:.2} MiB", n as f64 / 1_048_576.0),
    }
}

/// A number with three digits that count.
pub(super) fn short(value: f64) -> String {
    let magnitude = value.abs();
    let text = match magnitude {
        _ if !magnitude.is_finite() => return "–".into(),
        0.0 => "0".into(),
        m if !(1e-3..1e6).contains(&m) => {
            // Rounding to two decimals can carry into the next power: the format does it before the split.
            let scientific = format!("{m:.2e}");
            let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
            format!("{}×10{}", trim_zeros(mantissa), superscript(exponent))
        }
        m => {
            let decimals = (2.0 - m.log10().floor()).clamp(0.0, 6.0) as usize;
            trim_zeros(&format!("{m:.decimals$}")).to_owned()
        }
    };
    if value < 0.0 { format!("−{text}") } else { text }
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn superscript(exponent: &str) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |c: char| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]);
    exponent.chars().filter(|&c| c != '+').map(digit).collect()
}

/// What to call a step on little room: its first node, without the leading slash and without the operator, which
/// exporters write last.
pub(super) fn node(name: &str) -> &str {
    let first = name.split(" + ").next().unwrap_or(name).trim_matches('/');
    match first.rsplit_once('/') {
        Some((path, operator)) if operator.starts_with(|c: char| c.is_ascii_uppercase()) => path,
        _ => first,
    }
}

/// At most so many characters: the end says more than the start.
pub(super) fn shorten(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let kept: String = name.chars().skip(length + 1 - most.max(2)).collect();
    format!("…{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-12.345, "−12.3"),
            (999.96, "1000"),
            (123_456.0, "123456"),
            (0.00999, "0.00999"),
            (9.999e-7, "1×10⁻⁶"),
            (-2.5e9, "−2.5×10⁹"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!([points(-0.0028), points(0.01), points(0.0)], ["−0.28", "+1.00", "±0.00"]);
        assert_eq!([percent(0.9917), percent(f64::NAN)], ["99.17\u{a0}%", "–"]);
        assert_eq!(
            [count(1, "image", "images"), count(1200, "image", "images")],
            ["1 image", "1,200 images"]
        );
        assert_eq!(
            [binary_unit(1023), binary_unit(1280), binary_unit(3 << 20)],
            ["", "1.25 KiB", "3.00 MiB"]
        );
    }

    #[test]
    fn names_are_shortened_at_the_start() {
        assert_eq!(node("/layer1/layer1.0/conv1/Conv + /relu/Relu"), "layer1/layer1.0/conv1");
        assert_eq!(node("Conv_3"), "Conv_3");
        assert_eq!(node("functional/dense/matmul"), "functional/dense/matmul");
        assert_eq!(shorten("layer1/conv1", 6), "…conv1");
        assert_eq!(shorten("äöü", 3), "äöü");
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escape("<a href=\"x\">&'\u{1}"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}");
    }
}
