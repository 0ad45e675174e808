//! Misspelt keys: where they are, and what was probably meant.

use super::JobError;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Sections and their keys; the empty section is the top.
pub(super) const KEYS: [(&str, &[&str]); 13] = [
    (
        "",
        &[
            "name",
            "model",
            "seed",
            "data",
            "input",
            "quantize",
            "calibrate",
            "sensitivity",
            "assign",
            "train",
            "evaluate",
            "target",
            "output",
        ],
    ),
    ("data", &["train", "test", "calibrate"]),
    ("input", &["layout", "scale", "zero", "pixels", "normalize"]),
    ("input.normalize", &["mean", "std"]),
    ("quantize", &["scheme", "weights", "activations", "first_last", "residual", "layers"]),
    ("assign", &["ranking", "seed", "sweep", "points"]),
    ("calibrate", &["method", "momentum", "percentile", "samples"]),
    ("sensitivity", &["samples", "method", "probes", "tolerance", "eigen_samples"]),
    (
        "train",
        &[
            "epochs",
            "batch",
            "device",
            "loss",
            "distill_weight",
            "temperature",
            "optimizer",
            "rate",
            "scale_rate",
            "momentum",
            "decay",
            "schedule",
            "step_epochs",
            "step_factor",
            "warmup",
            "clip_norm",
            "share",
            "validation",
            "validation_part",
            "weight_scales",
            "activation_scales",
            "momentum_ranges",
            "percentile",
            "clip_gradient",
            "fold_after",
            "augment",
        ],
    ),
    ("train.augment", &["rows", "columns", "fill", "flip", "noise"]),
    ("evaluate", &["limit"]),
    ("target", &["board", "flash", "ram", "latency", "latency_table", "bops"]),
    ("output", &["dir", "golden", "strip_meta"]),
];

/// Line of a byte position, from 1.
pub(super) fn line(text: &str, position: usize) -> usize {
    1 + text.bytes().take(position).filter(|&b| b == b'\n').count()
}

/// Refuses the first key that does not exist.
pub(super) fn check(path: &Path, text: &str) -> Result<(), JobError> {
    let table = DeTable::parse(text).map_err(|error| toml_error(path, text, &error))?;
    check_section(path, text, table.get_ref(), "")
}

/// A parser's error with its line.
pub(super) fn toml_error(path: &Path, text: &str, error: &toml::de::Error) -> JobError {
    let line = line(text, error.span().map_or(0, |span| span.start));
    JobError::Toml { path: path.to_path_buf(), line, message: error.message().to_string() }
}

fn check_section(path: &Path, text: &str, table: &DeTable<'_>, section: &str) -> Result<(), JobError> {
    let Some((_, known)) = KEYS.iter().find(|(name, _)| *name == section) else { return Ok(()) };
    // The table is sorted by name; people read from the top.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            return Err(JobError::UnknownKey {
                path: path.to_path_buf(),
                line: line(text, key.span().start),
                key: name.to_string(),
                section: if section.is_empty() { String::new() } else { format!(" in [{section}]") },
                hint: hint(name, known),
            });
        }
        if let DeValue::Table(inner) = value.get_ref() {
            let inner_name = if section.is_empty() { name.to_string() } else { format!("{section}.{name}") };
            check_section(path, text, inner, &inner_name)?;
        }
    }
    Ok(())
}

fn hint(name: &str, known: &[&str]) -> String {
    let places: Vec<String> = KEYS
        .iter()
        .filter(|(_, keys)| keys.contains(&name))
        .map(|(section, _)| if section.is_empty() { "at the top".into() } else { format!("in [{section}]") })
        .collect();
    if !places.is_empty() {
        return format!("`{name}` belongs {}", places.join(" or "));
    }
    let distances = known.iter().map(|key| (strsim::damerau_levenshtein(name, key), *key));
    match distances.min() {
        Some((distance, nearest)) if distance <= 3 && distance < nearest.len() => {
            format!("did you mean `{nearest}`?")
        }
        _ => format!("known are {}", known.join(", ")),
    }
}
