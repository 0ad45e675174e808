//! The cycles of a model file, counted on the emulated board: estimates choose bits, counts say whether a limit is kept.

use runtime::Model;

use super::{Hooks, QuantizeError, Started, layout};
use crate::board::{Board, BoardError};
use crate::budget::Limits;
use crate::count::{CountError, Counter};
use crate::data::Dataset;
use crate::file::Parts;
use crate::integer::{self, AlignedBytes};
use crate::job::Job;
use crate::latency::Work;
use crate::lower;

/// Counted cycles of an inference where the job limits its latency; `None`, with a word about why, where something to
/// count with is missing.
pub(super) fn counted(
    job: &Job,
    model: &Model,
    calibration: &Dataset,
    hooks: &mut Hooks,
) -> Result<Option<u64>, QuantizeError> {
    if job.target.latency.is_none() {
        return Ok(None);
    }
    let board = match Board::find(&job.target.board) {
        Err(error @ BoardError::NotEmulated { .. }) => {
            (hooks.say)(&format!("not counted, the limit on latency rests on the estimate: {error}"));
            return Ok(None);
        }
        board => board.map_err(CountError::from)?,
    };
    (hooks.say)(&format!("counting cycles on emulated {}", board.name));
    let input = integer::encode(model, calibration, 0)?;
    match Counter::new(board).and_then(|counter| counter.count(model, &input)) {
        Ok(counted) => Ok(counted.total().cycles),
        Err(
            error @ (CountError::Board(BoardError::NoQemu { .. } | BoardError::NoToolchain { .. })
            | CountError::Disassembly(_)
            | CountError::Plugin { .. }),
        ) => {
            (hooks.say)(&format!("not counted, the limit on latency rests on the estimate: {error}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Most cycles that an estimate may come to so that counts keep the limit, by the error of the estimate for the widest
/// bits; `None` where there is no limit, no estimate or no count.
pub(super) fn held_cycles(
    job: &Job,
    started: &Started,
    hooks: &mut Hooks,
) -> Result<Option<u64>, QuantizeError> {
    let limits = Limits::of(&job.target)?;
    let (Some(limit), Some(table)) = (limits.cycles, limits.table) else { return Ok(None) };
    let Started { prepared, calibration, recipe, .. } = started;
    let lowered = lower::lower(&prepared.graph, &prepared.layers, recipe)?.packed(layout(job)?);
    let file = AlignedBytes::copy(&Parts::bare(&lowered).encode()?);
    let model = Model::load(file.as_slice())?;
    let estimate: Option<u64> = model.steps().map(|step| table.estimate(&Work::of(&step))).sum();
    let Some(estimate) = estimate else { return Ok(None) };
    let counted = counted(job, &model, calibration, hooks)?;
    Ok(counted.map(|counted| scaled(limit, estimate, counted)))
}

/// `limit * estimate / counted`, rounded down.
pub(super) fn scaled(limit: u64, estimate: u64, counted: u64) -> u64 {
    let scaled = u128::from(limit) * u128::from(estimate) / u128::from(counted.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
