//! `report.html`: the numbers of `report.json` as one page of tables and pictures. It loads nothing from anywhere and
//! says so to the browser. What the report does not have is left out.

mod accuracy;
mod arena;
mod axis;
mod bits;
mod confusion;
mod figure;
mod front;
mod headline;
mod origin;
mod rows;
mod scale;
mod sensitivity;
mod steps;
mod svg;
mod text;
mod training;

#[cfg(test)]
mod tests;

use super::Report;
use text::escape;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Nothing but what is in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// One part of the page.
struct Section {
    /// Anchor.
    id: &'static str,
    title: &'static str,
    content: String,
}

/// The page of a report.
pub fn page(report: &Report) -> String {
    let all = [
        ("accuracy", "Accuracy", Some(accuracy::section(report))),
        ("sensitivity", "Sensitivity", sensitivity::section(report)),
        ("bits", "Bits", bits::section(report)),
        ("front", "Trade-off", front::section(report)),
        ("arena", "Memory", arena::section(report)),
        ("steps", "Layers", steps::section(report)),
        ("training", "Training", training::section(report)),
        ("confusion", "Confusion", confusion::section(report)),
        ("reproduce", "Reproduce", origin::reproduce(report)),
        ("log", "Log", origin::log(report)),
    ];
    let sections: Vec<Section> = all
        .into_iter()
        .filter_map(|(id, title, content)| Some(Section { id, title, content: content? }))
        .collect();
    let links: String = sections.iter().map(|s| format!("<a href=\"#{}\">{}</a>\n", s.id, s.title)).collect();
    let content: String = sections
        .iter()
        .map(|s| format!("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", s.id, s.title, s.content))
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n{headline}</header>\n\
         <nav aria-label=\"Sections\">\n{links}</nav>\n<main>\n{content}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        title = escape(&format!("{} {}", report.name, report.scheme)),
        headline = headline::headline(report),
    )
}
