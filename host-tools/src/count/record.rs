//! Counts of a model file, kept beside it, so that estimates can be held against them later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runtime::trace::crc32;
use serde::{Deserialize, Serialize};

use super::Cost;

/// What a model file's steps executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// CRC-32 of the model file.
    model: u32,
    /// Costs of all steps by emulated board.
    boards: BTreeMap<String, Vec<Cost>>,
}

impl Record {
    /// The counts of a model file; without boards where nothing counted this very file.
    pub fn of(model: &Path, bytes: &[u8]) -> Self {
        let known = std::fs::read(Self::place(model)).ok();
        let known = known.and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        let crc = crc32(bytes);
        known.filter(|record| record.model == crc).unwrap_or(Self { model: crc, boards: BTreeMap::new() })
    }

    /// The file's counts on a board.
    pub fn on(&self, board: &str) -> Option<&[Cost]> {
        self.boards.get(board).map(Vec::as_slice)
    }

    /// Keeps the counts of a board.
    pub fn set(&mut self, board: &str, steps: Vec<Cost>) {
        self.boards.insert(board.to_owned(), steps);
    }

    /// Where the counts of a model file lie.
    pub fn place(model: &Path) -> PathBuf {
        model.with_extension("counts.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_one_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model.hawk");
        let mut record = Record::of(&path, b"one");
        assert_eq!(record.on("b"), None);
        let steps = vec![Cost { instructions: 3, cycles: Some(4) }];
        record.set("b", steps.clone());
        let text = serde_json::to_string(&record).expect("is JSON");
        std::fs::write(Record::place(&path), text).expect("is written");
        assert_eq!(Record::of(&path, b"one").on("b"), Some(&steps[..]));
        assert_eq!(Record::of(&path, b"two").on("b"), None);
    }
}
