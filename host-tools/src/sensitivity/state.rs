//! What is known so far, in a file beside the result: an interrupted run goes on where it stopped.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::report::Origin;
use super::rounding::{ByBits, Errors};
use super::{Eigenvalue, Estimate, SensitivityError};
use crate::quantize::{QuantizeError, write_beside};

/// Estimates of traces: one entry per probe, per layer, per column of factors.
pub(super) type Probes = Vec<Vec<Vec<f64>>>;

/// Finished work of one origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub origin: Origin,
    pub loss: Option<f64>,
    pub weights: Probes,
    pub operands: Probes,
    pub errors: Option<Vec<Errors>>,
    pub loss_changes: Option<Vec<ByBits>>,
    pub eigenvalues: Option<Vec<Eigenvalue>>,
}

impl State {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            loss: None,
            weights: Vec::new(),
            operands: Vec::new(),
            errors: None,
            loss_changes: None,
            eigenvalues: None,
        }
    }

    /// The state of a file, where that has this origin; else a new one. A damaged file counts as none: all of it
    /// can be measured again.
    pub(super) fn read(path: &Path, origin: &Origin) -> Self {
        let found = read_json::<Self>(path).filter(|state| state.origin == *origin);
        found.unwrap_or_else(|| Self::new(*origin))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), SensitivityError> {
        write_json(path, self)
    }
}

/// Estimates of every layer's trace, by a column of factors.
pub(super) fn estimates(probes: &Probes, column: usize) -> Vec<Estimate> {
    let layers = probes.first().map_or(0, Vec::len);
    (0..layers).map(|layer| Estimate::of(probes.iter().map(|probe| probe[layer][column]))).collect()
}

/// A file that holds what is asked for; `None` where it is absent or something else.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), SensitivityError> {
    let text = serde_json::to_string_pretty(value).map_err(QuantizeError::Json)? + "\n";
    Ok(write_beside(path, text.as_bytes())?)
}
