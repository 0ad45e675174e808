//! Where in the sources an instruction comes from, by the firmware's debug lines.

use std::path::Path;

use addr2line::Loader;

use super::AuditError;

/// Debug lines of a linked file.
pub(super) struct Origins(Loader);

impl Origins {
    pub(super) fn open(firmware: &Path) -> Result<Self, AuditError> {
        Loader::new(firmware).map(Self).map_err(|error| AuditError::Debug(error.to_string()))
    }

    /// `file:line` of the instruction, innermost inlined function first; empty where nothing is known.
    pub(super) fn frames(&self, address: u32) -> Vec<String> {
        let mut places = Vec::new();
        if let Ok(mut frames) = self.0.find_frames(address.into()) {
            while let Ok(Some(frame)) = frames.next() {
                if let Some(location) = frame.location {
                    let file = location.file.unwrap_or("?").replace('\\', "/");
                    places.push(format!("{file}:{}", location.line.unwrap_or(0)));
                }
            }
        }
        places
    }
}
