//! The table's file, and the estimate that it gives.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{Kind, Work};

/// Tables that are part of this program, by board.
const BUILT_IN: [(&str, &str); 1] = [("mps2-an386", include_str!("../../../assets/latency/mps2-an386.toml"))];

/// Measured times of one board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTable {
    /// Name of the board.
    pub board: String,
    /// Its core.
    pub core: String,
    /// What a cycle is here.
    pub cycles: String,
    /// Clock of the real board, for turning cycles into time.
    pub clock_hz: u32,
    /// Emulator, compiler and disassembler.
    pub tools: Vec<String>,
    /// One for each kind of step and bits, in order.
    #[serde(rename = "entry")]
    pub entries: Vec<Entry>,
}

/// The formula of one kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Kind of step.
    pub kind: Kind,
    /// Bits of a weight; 0 without weights.
    pub weight_bits: u32,
    /// Bits of the main operand.
    pub activation_bits: u32,
    /// Cycles for a multiplication.
    pub per_mac: f64,
    /// Cycles for a multiplication with padding, which a kernel may leave out.
    pub per_padded: f64,
    /// Cycles for an output.
    pub per_output: f64,
    /// Cycles for a residual operand's element.
    pub per_residual: f64,
    /// Cycles for a tap, whatever the channels.
    #[serde(default)]
    pub per_tap: f64,
    /// Cycles for a place of the result, whatever the channels.
    #[serde(default)]
    pub per_pixel: f64,
    /// Cycles more for an output that shares a byte.
    #[serde(default)]
    pub per_narrow: f64,
    /// Cycles for the step.
    pub per_step: f64,
    /// Counted steps that it was fitted to.
    pub steps: usize,
    /// Root of the mean squared error there, over the counted cycles.
    pub error: f64,
    /// Largest error there, over the counted cycles.
    pub worst_error: f64,
}

/// A file that is no table for a device.
#[derive(Debug, thiserror::Error)]
#[error("target.latency_table: {}: {reason}", path.display())]
pub struct TableError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

impl LatencyTable {
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Reads a table of a board from a file that a benchmark wrote.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(path: &Path, board: &str) -> Result<Self, TableError> {
        let wrong = |reason| TableError { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let table = Self::parse(&text).map_err(|error| wrong(error.to_string()))?;
        if table.board != board {
            let (own, other) = (board, table.board);
            return Err(wrong(format!(
                "is a table of {other}, and not of {own}; name a table of {own}, or leave it out"
            )));
        }
        Ok(table)
    }

    /// The table of a board that is part of this program; `None` for a board without.
    pub fn of_board(board: &str) -> Option<Arc<Self>> {
        static TABLES: OnceLock<Vec<Arc<LatencyTable>>> = OnceLock::new();
        // A test reads every one of them.
        let read =
            || BUILT_IN.iter().filter_map(|(_, text)| LatencyTable::parse(text).ok().map(Arc::new)).collect();
        TABLES.get_or_init(read).iter().find(|table| table.board == board).cloned()
    }

    /// The formula for a step; `None` where none was measured.
    pub fn entry(&self, work: &Work) -> Option<&Entry> {
        let Work { kind, weight_bits, activation_bits, .. } = *work;
        let key = (kind, weight_bits, activation_bits);
        self.entries.iter().find(|e| (e.kind, e.weight_bits, e.activation_bits) == key)
    }

    /// Estimated cycles of a step; `None` where nothing like it was measured.
    pub fn estimate(&self, work: &Work) -> Option<u64> {
        let entry = self.entry(work)?;
        let cycles: f64 = entry.coefficients().iter().zip(work.features()).map(|(c, f)| c * f).sum();
        Some(cycles.round() as u64)
    }
}

impl Entry {
    /// Cycles for each of a step's features.
    pub fn coefficients(&self) -> super::Features {
        [
            self.per_mac,
            self.per_padded,
            self.per_output,
            self.per_residual,
            self.per_tap,
            self.per_pixel,
            self.per_narrow,
            self.per_step,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "board = \"b\"\ncore = \"c\"\ncycles = \"estimated\"\nclock_hz = 1\ntools = []\n\
                        [[entry]]\nkind = \"conv3x3\"\nweight_bits = 4\nactivation_bits = 8\nper_mac = 1.5\n\
                        per_padded = 0.5\nper_output = 10.0\nper_residual = 2.0\nper_tap = 20.0\nper_pixel = 30.0\n\
                        per_narrow = 4.0\nper_step = 100.0\nsteps = 3\nerror = 0.0\nworst_error = 0.0\n";

    const WORK: Work = Work {
        kind: Kind::Conv3x3,
        weight_bits: 4,
        activation_bits: 8,
        macs: 50,
        padded: 6,
        outputs: 5,
        residuals: 5,
        taps: 4,
        pixels: 3,
        narrow: 5,
    };

    #[test]
    fn an_estimate_is_the_sum_of_its_parts() {
        let table = LatencyTable::parse(TEXT).expect("is a table");
        assert_eq!(table.estimate(&WORK), Some(75 + 3 + 50 + 10 + 80 + 90 + 20 + 100));
        assert_eq!(table.estimate(&Work { residuals: 0, ..WORK }), Some(418));
        for other in [
            Work { kind: Kind::Conv, ..WORK },
            Work { weight_bits: 8, ..WORK },
            Work { activation_bits: 4, ..WORK },
        ] {
            assert_eq!(table.estimate(&other), None);
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(LatencyTable::parse(&TEXT.replace("per_mac", "per_mak")).is_err());
    }

    #[test]
    fn a_file_is_a_table_of_its_board_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.toml");
        let refused = |board| LatencyTable::read(&path, board).unwrap_err().to_string();
        assert!(refused("b").contains("t.toml"));
        std::fs::write(&path, TEXT).expect("is written");
        assert_eq!(LatencyTable::read(&path, "b").expect("is a table").estimate(&WORK), Some(428));
        assert!(refused("t4").contains("is a table of b, and not of t4"));
        std::fs::write(&path, TEXT.replace("per_mac", "per_mak")).expect("is written");
        assert!(refused("b").contains("per_mak"));
    }

    #[test]
    fn every_built_in_table_is_one_of_its_board() {
        for (board, _) in BUILT_IN {
            let table = LatencyTable::of_board(board).expect("is a table of this board");
            assert!(table.entries.iter().all(|entry| entry.steps > 0));
            for weight_bits in [2, 4, 8] {
                assert!(table.estimate(&Work { weight_bits, ..WORK }).is_some_and(|cycles| cycles > 0));
            }
        }
        assert!(LatencyTable::of_board("none").is_none());
    }
}
