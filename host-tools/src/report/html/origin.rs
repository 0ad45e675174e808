//! How to make the file again, and what was done to the network on the way.

use super::text::{count, escape};
use crate::report::{Hash, Report};

pub(super) fn reproduce(report: &Report) -> Option<String> {
    let origin = report.reproduce.as_ref()?;
    let hash = |hash: &Hash| {
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"hash\"><code>{}</code></td></tr>\n",
            escape(&hash.name),
            escape(&hash.sha256)
        )
    };
    let hashes: String = origin.hashes.iter().map(hash).collect();
    Some(format!(
        "<p>In the folder of this report:</p>\n<pre>{}</pre>\n<table class=\"facts\">\n<tbody>\n\
         <tr><th scope=\"row\">Made by</th><td>{}</td></tr>\n<tr><th scope=\"row\">Seed</th><td>{}</td></tr>\n{hashes}</tbody></table>\n\
         <p class=\"caption\">Hashes are SHA-256; those of samples are of the stored numbers as they were loaded, then of \
         the labels.</p>\n\
         <details><summary>The complete job (job.toml)</summary><pre>{}</pre></details>\n",
        escape(&origin.command),
        escape(&origin.made_by),
        origin.seed,
        escape(&origin.job),
    ))
}

pub(super) fn log(report: &Report) -> Option<String> {
    if report.log.is_empty() {
        return None;
    }
    let entries: String = report.log.iter().map(|entry| format!("<li>{}</li>\n", escape(entry))).collect();
    let summary = count(report.log.len() as u64, "change", "changes");
    Some(format!(
        "<details><summary>{summary} on the way from the ONNX file to the integer network</summary><ol>\n{entries}</ol></details>\n"
    ))
}
