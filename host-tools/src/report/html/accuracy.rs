//! What quantisation cost: accuracy of every form of the network, and the paired difference to float.

use super::figure::{Shape, both, figure, point};
use super::rows::Rows;
use super::scale::Scale;
use super::svg::Mark;
use super::text::{count, escape, percent, points};
use crate::report::{Report, thousands};

/// An integer network beside the float one.
struct Form {
    name: &'static str,
    accuracy: f64,
    lost: usize,
    gained: usize,
}

impl Form {
    /// Difference of the accuracies, 0 to 1.
    fn difference(&self, samples: f64) -> f64 {
        (self.gained as f64 - self.lost as f64) / samples
    }

    /// Standard error of the difference of paired samples: each adds -1, 0 or 1.
    fn standard_error(&self, samples: f64) -> f64 {
        let mean = self.difference(samples);
        let square = (self.gained + self.lost) as f64 / samples;
        ((square - mean * mean).max(0.0) / samples).sqrt()
    }
}

pub(super) fn section(report: &Report) -> String {
    let Report { accuracy, lost, gained, .. } = *report;
    let forms = match &report.post_training {
        Some(before) => vec![
            Form {
                name: "Post-training",
                accuracy: before.accuracy,
                lost: before.lost,
                gained: before.gained,
            },
            Form { name: "Trained (QAT)", accuracy, lost, gained },
        ],
        None => vec![Form { name: "Integers", accuracy, lost, gained }],
    };
    let samples = report.samples.max(1) as f64;
    let table = figure(
        "Share of held-out samples whose class is right",
        &[],
        &table(report, &forms, samples),
        &format!(
            "Integer figures come from the runtime on the written file; “lost” are samples that only the float network \
             gets right, “gained” those that only the integers get right; {} in all.",
            count(report.samples as u64, "sample", "samples")
        ),
    );
    table
        + &figure(
            "Difference to the float network",
            &[],
            &both(|width| difference(width, &forms, samples).svg),
            "The point is the paired difference, the bar two standard errors to either side: where it crosses zero, \
             the difference may be chance.",
        )
}

fn table(report: &Report, forms: &[Form], samples: f64) -> String {
    let right = |accuracy: f64| thousands((accuracy * samples).round() as u64);
    let mut rows = format!(
        "<tr><th scope=\"row\">Float</th><td>{}</td><td>{}</td><td>–</td><td>–</td><td>–</td></tr>\n",
        percent(report.float_accuracy),
        right(report.float_accuracy),
    );
    for form in forms {
        let error = points(form.standard_error(samples)).replace(['+', '±'], "");
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{} ± {error}</td><td>{}</td><td>{}</td></tr>\n",
            escape(form.name),
            percent(form.accuracy),
            right(form.accuracy),
            points(form.difference(samples)),
            thousands(form.lost as u64),
            thousands(form.gained as u64),
        );
    }
    format!(
        "<div class=\"scroll\"><table class=\"numbers\">\n<thead><tr><th scope=\"col\">Network</th>\
         <th scope=\"col\">Accuracy</th><th scope=\"col\">Right</th>\
         <th scope=\"col\">Difference, points</th><th scope=\"col\">Lost</th><th scope=\"col\">Gained</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn difference(width: f64, forms: &[Form], samples: f64) -> Rows {
    let interval = |form: &Form| {
        let (mean, error) = (form.difference(samples), form.standard_error(samples));
        [mean - 2.0 * error, mean, mean + 2.0 * error].map(|share| 100.0 * share)
    };
    let scale = Scale::linear(forms.iter().flat_map(interval).chain([0.0]));
    let names: Vec<&str> = forms.iter().map(|form| form.name).collect();
    let label = "Paired difference to the float network";
    let mut rows = Rows::new(width, label, &names, scale, "accuracy minus float, percentage points");
    if let Some(x) = rows.x(0.0) {
        rows.svg.add(Mark::line(x, rows.frame.top, x, rows.frame.bottom()).class("zero"));
    }
    for (i, form) in forms.iter().enumerate() {
        let [lo, mean, hi] = interval(form);
        rows.whisker(i, lo, hi, "s1");
        if let Some(x) = rows.x(mean) {
            let text = format!("{}: {} points", form.name, points(form.difference(samples)));
            let mark = point(Shape::Circle, x, rows.y(i), 5.0);
            rows.svg.add(mark.class("point s1").title(&text));
        }
    }
    rows
}
