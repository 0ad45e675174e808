//! What `--on cuda` does in the commands; without the feature it says how to get it.

use runtime::Model;

use super::CommandError;
use crate::data::Dataset;
use crate::integer::{Evaluation, Traced};

/// Traces of packed inputs, and a line about the GPU.
#[cfg(feature = "cuda")]
pub(super) fn traces(
    model: &Model,
    inputs: &[Vec<u8>],
    batch: u32,
) -> Result<(Vec<Traced>, String), CommandError> {
    Ok(crate::gpu::traces(model, inputs, batch as usize)?)
}

/// Accuracy over a data set, and a line about the GPU.
#[cfg(feature = "cuda")]
pub(super) fn evaluate(
    model: &Model,
    data: &Dataset,
    batch: u32,
    done: impl Fn(usize) + Sync,
) -> Result<(Evaluation, String), CommandError> {
    Ok(crate::gpu::evaluate(model, data, batch as usize, done)?)
}

#[cfg(not(feature = "cuda"))]
pub(super) fn traces(_: &Model, _: &[Vec<u8>], _: u32) -> Result<(Vec<Traced>, String), CommandError> {
    Err(CommandError::NoCuda)
}

#[cfg(not(feature = "cuda"))]
pub(super) fn evaluate(
    _: &Model,
    _: &Dataset,
    _: u32,
    _: impl Fn(usize) + Sync,
) -> Result<(Evaluation, String), CommandError> {
    Err(CommandError::NoCuda)
}
