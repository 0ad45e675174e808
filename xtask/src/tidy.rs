//! Rules of the sources that no compiler knows.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::shell::{self, Outcome};

const LONGEST_FILE: usize = 600;
/// Code that runs on the device: no float, and nothing that panics.
const DEVICE: [&str; 2] = ["kernels/src", "runtime/src"];
const FLOATS: [&str; 2] = ["f32", "f64"];
const PANICS: [&str; 7] =
    [".unwrap(", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!(", "assert!("];
const DOCUMENTS: [&str; 2] = ["README.md", "CHANGELOG.md"];

/// Every source file of the repository.
pub(crate) fn all() -> Outcome {
    let root = shell::root();
    let mut complaints = Vec::new();
    for document in DOCUMENTS.iter().filter(|document| !root.join(document).is_file()) {
        complaints.push(format!("{document}: missing"));
    }
    match sources(&root) {
        Ok(paths) => {
            for path in paths {
                let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                match fs::read_to_string(&path) {
                    Ok(text) => complaints.extend(complain(&name, &text)),
                    Err(error) => complaints.push(format!("{name}: {error}")),
                }
            }
        }
        Err(error) => complaints.push(format!("cannot list the sources: {error}")),
    }
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    if complaints.is_empty() { Outcome::Passed } else { Outcome::Failed }
}

fn sources(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "out" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn complain(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !text.starts_with("//!") {
        complaints.push(format!("{name}:1: the first line must say what the file is, with //!"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        complaints.push(format!("{name}: {lines} lines; split it, {LONGEST_FILE} is the most"));
    }
    // The conformance cases are the tests of every tier.
    let in_tests =
        ["/tests/", "/tests.rs", "/conformance/", "/conformance.rs"].iter().any(|part| name.contains(part));
    if DEVICE.iter().any(|folder| name.starts_with(folder)) && !in_tests {
        let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        for (index, line) in code {
            let line = line.split("//").next().unwrap_or_default();
            // What the compiler asserts is not in the device's code.
            let line = line.strip_prefix("const _: () = assert!").unwrap_or(line);
            for word in FLOATS.iter().filter(|word| has_word(line, word)) {
                complaints.push(format!("{name}:{}: {word} in device code", index + 1));
            }
            for call in PANICS.iter().filter(|call| has_call(line, call)) {
                complaints.push(format!("{name}:{}: {call}…) in device code", index + 1));
            }
        }
    }
    complaints
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// `debug_assert!` and whatever else only ends like the call is not it.
fn has_call(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| {
        call.starts_with('.') || !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_breach() {
        let long = format!("//! x\n{}", "\n".repeat(LONGEST_FILE));
        for (name, text) in [
            ("host-tools/src/a.rs", "use std::io;\n"),
            ("host-tools/src/a.rs", long.as_str()),
            ("kernels/src/a.rs", "//! x\nfn a(x: f32) {}\n"),
            ("runtime/src/a.rs", "//! x\nfn a() { b.unwrap(); }\n"),
            ("runtime/src/a.rs", "//! x\nfn a() { assert!(b); }\n"),
        ] {
            assert_eq!(complain(name, text).len(), 1, "{name}: {text:.40}");
        }
    }

    #[test]
    fn tests_comments_and_host_code_may() {
        for (name, text) in [
            ("host-tools/src/a.rs", "//! x\nfn a(x: f32) { b.unwrap(); }\n"),
            ("kernels/src/a.rs", "//! x\n/// no f32\nfn a() { debug_assert!(b); b.unwrap_or(0); }\n"),
            ("kernels/src/a.rs", "//! x\nconst _: () = assert!(A == B);\n"),
            ("kernels/src/a.rs", "//! x\n#[cfg(test)]\nmod tests { fn a() { b.unwrap(); } }\n"),
        ] {
            assert_eq!(complain(name, text), Vec::<String>::new(), "{name}");
        }
    }
}
