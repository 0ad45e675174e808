//! The measurements as a document for people.

use std::fmt::Write;

use cuda::{Device, Gpu};

use super::measure::Measured;
use super::peers::peak;

/// A row beside ours.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Whose time it is.
    pub what: String,
    /// Milliseconds or why there are none.
    pub time: Result<f64, String>,
}

/// The document.
pub fn document(gpu: &Gpu, date: &str, command: &str, all: &[Measured], peers: &[Peer]) -> String {
    let (major, minor) = gpu.driver();
    let peaks = peak(gpu);
    let known = peaks.map_or_else(
        || "The integer peak of this architecture is not known here.".to_owned(),
        |[bytes, nibbles]| {
            format!(
                "Integer peak at the highest clock: {bytes:.0} TOP/s for bytes, {nibbles:.0} for nibbles."
            )
        },
    );
    let mut text = format!(
        "# Inference on an NVIDIA GPU\n\n\
         {} (sm_{}, {} multiprocessors, {} MHz at most), driver for CUDA {major}.{minor}, {date}. Made by\n\n\
         ```\n{command}\n```\n\n\
         {known} A multiply-add is two operations. Times are medians of 20 measurements of 10 runs of the recorded graph, with quartiles; copies to and \
         from the GPU are not in them. `checked` inputs had every step equal to the host by CRC in this run.\n\n\
         | network | bits | batch | ms | quartiles | images/s | TOP/s | of the bytes' peak | checked |\n\
         |--|--|--|--|--|--|--|--|--|\n",
        gpu.name(),
        gpu.arch(),
        gpu.multiprocessors(),
        gpu.clock_khz() / 1000,
    );
    for m in all {
        let [low, median, high] = m.milliseconds;
        let speed = m.tera_operations();
        let share =
            peaks.map_or_else(|| "-".to_owned(), |[bytes, _]| format!("{:.1} %", 100.0 * speed / bytes));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {median:.3} | {low:.3} to {high:.3} | {:.0} | {speed:.1} | {share} | {} |",
            m.name,
            m.scheme,
            m.batch,
            m.batch as f64 / median * 1e3,
            m.checked,
        );
    }
    ratios(&mut text, all);
    if !peers.is_empty() {
        text += "\n## Beside\n\n| what | ms |\n|--|--|\n";
        for peer in peers {
            let time = peer.time.as_ref().map_or_else(Clone::clone, |ms| format!("{ms:.3}"));
            let _ = writeln!(text, "| {} | {time} |", peer.what);
        }
    }
    for m in all {
        let _ = writeln!(text, "\n## {} {}, batch {}\n", m.name, m.scheme, m.batch);
        text += "| step | op | kernel | multiply-adds | µs | TOP/s |\n|--|--|--|--|--|--|\n";
        for (index, step) in m.steps.iter().enumerate() {
            let ms = step.milliseconds[1];
            let speed = 2.0 * step.macs as f64 * m.batch as f64 / ms / 1e9;
            let _ = writeln!(
                text,
                "| {index} | {} | {} | {} | {:.2} | {speed:.1} |",
                step.op,
                step.kernel,
                step.macs,
                ms * 1e3
            );
        }
    }
    text
}

/// How much faster 4 bits are than 8.
fn ratios(text: &mut String, all: &[Measured]) {
    let pairs: Vec<_> = all
        .iter()
        .filter(|m| m.scheme == "int4")
        .filter_map(|four| {
            let same = |m: &&Measured| (&m.name, m.batch) == (&four.name, four.batch) && m.scheme == "int8";
            Some((four, all.iter().find(same)?))
        })
        .collect();
    if pairs.is_empty() {
        return;
    }
    *text += "\n| network | batch | int8 over int4 |\n|--|--|--|\n";
    for (four, eight) in pairs {
        let ratio = eight.milliseconds[1] / four.milliseconds[1];
        let _ = writeln!(text, "| {} | {} | {ratio:.2} |", four.name, four.batch);
    }
}
