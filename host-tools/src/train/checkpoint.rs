//! Everything that decides how training goes on, in one file: with it an interrupted run ends with the same bytes
//! as an uninterrupted one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::data::Position;
use super::optimizer::State;
use super::parameters::{Block, Statistics};
use super::progress::EpochReport;
use crate::calibrate::QuantParams;
use crate::lower::Ranges;
use crate::quantize::write_beside;

/// First bytes of the file, with the version of its form.
const MAGIC: [u8; 8] = *b"HAWKCKP2";

/// Parameters of one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub blocks: Vec<Block>,
    pub statistics: Vec<Option<Statistics>>,
    /// Scale and zero point of every calibrated value, in the order of the ranges.
    pub ranges: Vec<(f64, i32)>,
    pub live: bool,
}

/// Sums over the running epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Running {
    pub loss: f64,
    pub correct: usize,
    pub samples: usize,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// CRC-32 of the job and the network that it belongs to.
    pub fingerprint: u32,
    pub now: Snapshot,
    pub state: State,
    pub position: Position,
    pub running: Running,
    /// Loss of the first batches.
    pub first_loss: Option<f64>,
    /// Exponential mean of the loss.
    pub recent_loss: Option<f64>,
    pub best: Snapshot,
    pub history: Vec<EpochReport>,
}

impl Checkpoint {
    pub(super) fn write(&self, path: &Path) -> Result<(), TrainError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(self).map_err(crate::file::EncodeError::from)?);
        let crc = runtime::trace::crc32(&bytes);
        bytes.extend(crc.to_le_bytes());
        write_beside(path, &bytes)
            .map_err(|error| TrainError::Write { path: path.to_path_buf(), message: error.to_string() })
    }

    pub(super) fn read(path: &Path, fingerprint: u32) -> Result<Self, TrainError> {
        let failed = |what| TrainError::Checkpoint { path: path.to_path_buf(), what };
        let bytes =
            std::fs::read(path).map_err(|source| TrainError::File { path: path.to_path_buf(), source })?;
        let damaged = || failed("the checkpoint is damaged");
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        let payload =
            body.strip_prefix(&MAGIC).ok_or_else(|| failed("this is no checkpoint of this version"))?;
        if runtime::trace::crc32(body) != u32::from_le_bytes(*crc) {
            return Err(damaged());
        }
        let checkpoint: Self = postcard::from_bytes(payload).map_err(|_| damaged())?;
        if checkpoint.fingerprint != fingerprint {
            return Err(failed("it belongs to another job, network or data set"));
        }
        Ok(checkpoint)
    }
}

/// Scales and zero points in their order.
pub(super) fn save_ranges(ranges: &Ranges) -> Vec<(f64, i32)> {
    ranges.iter().map(|(_, params)| (params.scale, params.zero_point)).collect()
}

/// Puts them back.
pub(super) fn load_ranges(ranges: &mut Ranges, saved: &[(f64, i32)]) {
    let keys: Vec<_> = ranges.iter().map(|(key, _)| *key).collect();
    for (key, &(scale, zero_point)) in keys.into_iter().zip(saved) {
        if let Some(params) = ranges.get_mut(key) {
            *params = QuantParams { scale, zero_point };
        }
    }
}
