//! A headless Chromium that opens a page and says what is wrong with it.

use std::path::Path;
use std::process::{Command, Output};

/// Names of the program in distributions.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Runs in the page when it has been loaded.
const INSPECT: &str = include_str!("browser.js");

/// The colours that a reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// What a page looks like in a window.
#[derive(Debug, serde::Deserialize)]
pub struct Look {
    /// Pixels across the window.
    pub width: u32,
    /// Pictures that are shown.
    pub pictures: usize,
    /// Times that a table was sorted.
    pub sorted: usize,
    /// Colour of the text.
    pub color: String,
    /// Colour behind it.
    pub background: String,
    /// What is cut off, on other text or out of order.
    pub findings: Vec<String>,
}

/// Opens the file `page` in a window of this width, inspects it, and leaves a picture of it in `picture`.
///
/// # Panics
/// When there is no Chromium, when it fails, and when the page says anything on the console.
pub fn look(page: &Path, width: u32, theme: Theme, picture: &Path) -> Look {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let html = std::fs::read_to_string(page).expect("the page is there");
    let frame = folder.path().join("frame.html");
    std::fs::write(&frame, framed(&html, width)).expect("writes");
    let dom = run(folder.path(), width, theme, &["--dump-dom"], &frame);
    let dom = String::from_utf8_lossy(&dom.stdout).into_owned();
    let start =
        dom.find("<pre id=\"findings\">").expect("the page was inspected") + "<pre id=\"findings\">".len();
    let findings = &dom[start..start + dom[start..].find("</pre>").expect("ends")];
    let findings =
        findings.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&");
    let screenshot = format!("--screenshot={}", picture.display());
    run(folder.path(), width, theme, &["--hide-scrollbars", &screenshot], page);
    serde_json::from_str(&findings).unwrap_or_else(|error| panic!("{error}: {findings}"))
}

/// A page that shows another one, with the inspection in it, so wide: windows have a least width, frames have none.
fn framed(html: &str, width: u32) -> String {
    let end = html.rfind("</body>").expect("a page has an end");
    let inspected = [&html[..end], "<script>", INSPECT, "</script>", &html[end..]].concat();
    let source = inspected.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><body>\
         <iframe style=\"width:{width}px;height:20000px;border:0\" srcdoc=\"{source}\"></iframe></body>"
    )
}

fn run(profile: &Path, width: u32, theme: Theme, what: &[&str], page: &Path) -> Output {
    let program = NAMES
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
        .expect("no Chromium; `cargo xtask setup` installs it");
    let scheme = if theme == Theme::Dark { 0 } else { 1 };
    let output = Command::new(program)
        // The sandbox refuses to run as root.
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--enable-logging=stderr",
        ])
        .arg(format!("--user-data-dir={}", profile.join("profile").display()))
        .arg(format!("--window-size={width},4000"))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(what)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("Chromium starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    let console: Vec<&str> = said.lines().filter(|line| line.contains(":CONSOLE")).collect();
    assert!(console.is_empty(), "{}: {console:?}", page.display());
    output
}
