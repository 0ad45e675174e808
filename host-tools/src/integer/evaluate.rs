//! Accuracy over a data set, of the integer executor and of the float network.

use rayon::prelude::*;
use runtime::Model;
use serde::Serialize;

use super::{AlignedBytes, IntegerError, encode};
use crate::data::Dataset;
use crate::graph::{Executor, Graph};

/// Samples that the float network takes at once.
const FLOAT_BATCH: usize = 64;

/// Classes found for a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// Class found for every sample.
    pub predictions: Vec<u32>,
    /// Samples whose class was found.
    pub correct: usize,
    /// Samples by true class, then by class found.
    pub confusion: Vec<Vec<u32>>,
}

impl Evaluation {
    pub(crate) fn new(predictions: Vec<u32>, labels: &[u32], classes: usize) -> Self {
        let mut confusion = vec![vec![0; classes]; classes];
        let mut correct = 0;
        for (&found, &label) in predictions.iter().zip(labels) {
            correct += usize::from(found == label);
            if let Some(cell) = confusion.get_mut(label as usize).and_then(|row| row.get_mut(found as usize))
            {
                *cell += 1;
            }
        }
        Self { predictions, correct, confusion }
    }

    /// Share of the samples whose class was found.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.predictions.len().max(1) as f64
    }
}

/// Runs every sample through the integer executor. `done` is told of finished samples, from any thread.
///
/// # Errors
/// See [`IntegerError`].
pub fn evaluate(
    model: &Model,
    data: &Dataset,
    done: impl Fn(usize) + Sync,
) -> Result<Evaluation, IntegerError> {
    let indices: Vec<usize> = (0..data.len()).collect();
    evaluate_at(model, data, &indices, done)
}

/// Runs the samples at `indices` through the integer executor.
///
/// # Errors
/// See [`IntegerError`].
pub fn evaluate_at(
    model: &Model,
    data: &Dataset,
    indices: &[usize],
    done: impl Fn(usize) + Sync,
) -> Result<Evaluation, IntegerError> {
    let predictions = indices
        .par_iter()
        .map_init(
            || AlignedBytes::zeroed(model.arena_bytes()),
            |arena, &i| {
                let mut session = model.session(arena.as_mut_slice())?;
                session.set_input(&encode(model, data, i)?);
                session.run()?;
                done(1);
                Ok(session.argmax() as u32)
            },
        )
        .collect::<Result<Vec<u32>, IntegerError>>()?;
    let classes = model.interface().output.dims.iter().map(|&d| usize::from(d)).product();
    let labels: Vec<u32> = indices.iter().map(|&i| data.labels[i]).collect();
    Ok(Evaluation::new(predictions, &labels, classes))
}

/// Runs every sample through the float network.
///
/// # Errors
/// See [`IntegerError`].
pub fn evaluate_float(graph: &Graph, data: &Dataset) -> Result<Evaluation, IntegerError> {
    let executor = Executor::new(graph);
    let (len, classes) = (data.shape.len(), graph.shape(graph.output).len());
    let mut predictions = Vec::with_capacity(data.len());
    let indices: Vec<usize> = (0..data.len()).collect();
    for batch in indices.chunks(FLOAT_BATCH) {
        let mut input = vec![0.0; batch.len() * len];
        for (&i, sample) in batch.iter().zip(input.chunks_exact_mut(len)) {
            data.real(i, sample);
        }
        let output = executor.run(&input, batch.len())?;
        predictions.extend(output.chunks_exact(classes).map(argmax));
    }
    Ok(Evaluation::new(predictions, &data.labels, classes))
}

fn argmax(logits: &[f32]) -> u32 {
    let first = (0, f32::NEG_INFINITY);
    logits.iter().enumerate().fold(first, |best, (i, &v)| if v > best.1 { (i, v) } else { best }).0 as u32
}
