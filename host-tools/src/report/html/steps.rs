//! Bytes and work of every step: a table that can be sorted, with a bar behind every number.

use super::figure::figure;
use super::text::{escape, node, shorten};
use crate::report::{Report, StepReport, thousands};

/// A column of numbers with bars.
struct Column {
    title: &'static str,
    /// `desk` where a narrow window has no room for it.
    class: &'static str,
    of: fn(&StepReport) -> Option<u64>,
}

pub(super) fn section(report: &Report) -> Option<String> {
    let steps = report.per_step.as_slice();
    if steps.is_empty() {
        return None;
    }
    let timed = steps.iter().any(|step| step.cycles.is_some());
    let mut columns = vec![
        Column { title: "Bytes", class: "", of: |s| Some(s.weight_bytes as u64) },
        Column { title: "MACs", class: if timed { "desk" } else { "" }, of: |s| Some(s.macs) },
    ];
    if timed {
        columns.push(Column { title: "Cycles", class: "", of: |s| s.cycles });
    }
    let plain =
        [("#", ""), ("Nodes", ""), ("Operator", "desk"), ("Output", "desk"), ("W", "desk"), ("A", "desk")];
    let heads: String = plain
        .into_iter()
        .chain(columns.iter().map(|column| (column.title, column.class)))
        .map(|(title, class)| {
            format!("<th scope=\"col\" class=\"{class}\"><button type=\"button\">{title}</button></th>")
        })
        .collect();
    let most: Vec<u64> =
        columns.iter().map(|c| steps.iter().filter_map(c.of).max().unwrap_or(0).max(1)).collect();
    let rows: String = steps.iter().enumerate().map(|(i, step)| row(i, step, &columns, &most)).collect();
    let sums: String = columns
        .iter()
        .map(|c| format!("<td class=\"{}\">{}</td>", c.class, thousands(steps.iter().filter_map(c.of).sum())))
        .collect();
    let table = format!(
        "<div class=\"scroll\"><table class=\"numbers sortable\">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         <tfoot><tr><th scope=\"row\" colspan=\"2\">Sum</th><td class=\"desk\"></td><td class=\"desk\"></td><td class=\"desk\"></td><td class=\"desk\"></td>{sums}</tr></tfoot>\
         </table></div>\n"
    );
    Some(figure(
        "Where the bytes and the work are",
        &[],
        &table,
        "# is the step, W and A are the bits of a weight and of the main operand, bytes are those of packed weights; bars compare with the largest number of the \
         column, a click on a heading sorts.",
    ))
}

fn row(index: usize, step: &StepReport, columns: &[Column], most: &[u64]) -> String {
    let [h, w, c] = step.output;
    let volume = u64::from(h) * u64::from(w) * u64::from(c);
    let bits = |bits: u32| if bits == 0 { "–".to_owned() } else { bits.to_string() };
    let mut cells = format!(
        "<td data-v=\"{index}\">{index}</td><td class=\"nodes\" data-v=\"{name}\" title=\"{name}\"><code class=\"desk\">{short}</code><code class=\"phone\">{shorter}</code></td>\
         <td class=\"desk op\" data-v=\"{op}\">{op}</td><td class=\"desk\" data-v=\"{volume}\">{h}×{w}×{c}</td>\
         <td class=\"desk\" data-v=\"{}\">{}</td><td class=\"desk\" data-v=\"{}\">{}</td>",
        step.bits_w,
        bits(step.bits_w),
        step.bits_a,
        bits(step.bits_a),
        name = escape(&step.name),
        short = escape(node(&step.name)),
        shorter = escape(&shorten(node(&step.name), 12)),
        op = escape(&step.op),
    );
    for (column, most) in columns.iter().zip(most) {
        let value = (column.of)(step);
        let text = value.filter(|n| *n > 0).map_or("–".into(), thousands);
        let share = 100.0 * value.unwrap_or(0) as f64 / *most as f64;
        cells += &format!(
            "<td class=\"amount {}\" data-v=\"{}\" style=\"--share:{share:.1}%\">{text}</td>",
            column.class,
            value.unwrap_or(0)
        );
    }
    format!("<tr>{cells}</tr>\n")
}
