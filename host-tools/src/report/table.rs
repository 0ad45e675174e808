//! The report as a person reads it on a terminal.

use std::fmt;

use super::{Constraints, Report, StepReport};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        writeln!(f, "{} {} on {} ({} samples)\n", self.name, self.scheme, self.data, self.samples)?;
        let paired = |lost: usize, gained: usize| format!("{lost} lost, {gained} gained");
        let mut rows = vec![("float accuracy", percent(self.float_accuracy), String::new())];
        let integer = (percent(self.accuracy), paired(self.lost, self.gained));
        match (&self.post_training, &self.training) {
            (Some(before), Some(training)) => {
                let remark = paired(before.lost, before.gained);
                rows.push(("post-training", percent(before.accuracy), remark));
                let remark = format!(
                    "{}; best of epochs 0 to {} was {}",
                    integer.1, training.options.epochs, training.best
                );
                rows.push(("after training", integer.0, remark));
            }
            _ => rows.push(("integer accuracy", integer.0, integer.1)),
        }
        rows.extend([
            ("model file", bytes(self.model_bytes), String::new()),
            (
                "packed weights",
                bytes(self.weight_bytes),
                format!("{:.1} x smaller than float32", self.weight_compression),
            ),
            ("arena (RAM)", bytes(self.arena_bytes), "scratch included".into()),
            ("multiply-adds", thousands(self.macs), "an inference".into()),
        ]);
        let Constraints { latency_cycles, latency_us, latency_basis, .. } = &self.constraints;
        if let (Some(cycles), Some(time), Some(basis)) = (latency_cycles, latency_us, latency_basis) {
            let milliseconds = format!("{:.2} ms", time.used as f64 / 1e3);
            rows.push(("latency", milliseconds, format!("{} cycles, {basis}", thousands(cycles.used))));
        }
        for (what, figure, remark) in rows {
            writeln!(f, "  {}", format!("{what:<18}{figure:>14}  {remark}").trim_end())?;
        }
        writeln!(
            f,
            "\n  {:<5}{:<13}{:>12}{:>4}{:>4}{:>9}{:>12}  nodes",
            "step", "op", "output", "w", "a", "bytes", "MACs"
        )?;
        for (index, step) in self.per_step.iter().enumerate() {
            writeln!(f, "  {}", line(index, step))?;
        }
        Ok(())
    }
}

fn line(index: usize, step: &StepReport) -> String {
    let StepReport { op, output: [h, w, c], bits_a, .. } = step;
    let dash = |n: u64| if n == 0 { "-".to_owned() } else { thousands(n) };
    let shape = format!("{h}x{w}x{c}");
    let (bits_w, weights, macs) = (dash(step.bits_w.into()), dash(step.weight_bytes as u64), dash(step.macs));
    format!("{index:<5}{op:<13}{shape:>12}{bits_w:>4}{bits_a:>4}{weights:>9}{macs:>12}  {}", step.name)
}

/// A number with its thousands apart.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn bytes(n: usize) -> String {
    format!("{} B", thousands(n as u64))
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_set_apart() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(super::thousands(n), text);
        }
    }
}
