//! A model file on an NVIDIA GPU: traces and accuracy, as `integer` gives them for the host.

use cuda::accumulate::Target;
use cuda::{CudaError, Device, Gpu, Plan, Runner};
use kernels::{Tensor, generic};
use rayon::prelude::*;
use runtime::Model;

use crate::data::Dataset;
use crate::integer::{Evaluation, IntegerError, Traced, encode};

/// Samples that are packed at a time: a few batches.
const CHUNK: usize = 4096;

/// Why a model gave no result on a GPU.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The GPU.
    #[error(transparent)]
    Cuda(#[from] CudaError),
    /// The samples.
    #[error(transparent)]
    Integer(#[from] IntegerError),
}

/// A model on a GPU for batches of up to `batch` images; fewer where memory is short.
///
/// # Errors
/// See [`CudaError`].
fn runner<'g>(gpu: &'g Gpu, model: &Model, batch: usize) -> Result<Runner<'g, Gpu>, CudaError> {
    let single = Plan::new(model, Target::of(gpu, 1))?;
    let batch = gpu.batch_that_fits(&single, batch)?;
    Runner::fastest(gpu, model, batch)
}

/// Traces of packed inputs on the first GPU, and a line about it.
///
/// # Errors
/// [`GpuError::Cuda`].
pub fn traces(model: &Model, inputs: &[Vec<u8>], batch: usize) -> Result<(Vec<Traced>, String), GpuError> {
    let gpu = Gpu::open(0)?;
    let mut runner = runner(&gpu, model, batch.min(inputs.len()))?;
    let traces = runner.traces(inputs)?;
    let traces = traces.into_iter().map(|trace| Traced { crcs: trace.crcs, output: trace.output }).collect();
    Ok((traces, about(&gpu, &runner)))
}

/// Runs every sample on the first GPU, and says a line about it. `done` is told of finished samples.
///
/// # Errors
/// See [`GpuError`].
pub fn evaluate(
    model: &Model,
    data: &Dataset,
    batch: usize,
    done: impl Fn(usize) + Sync,
) -> Result<(Evaluation, String), GpuError> {
    let gpu = Gpu::open(0)?;
    let mut runner = runner(&gpu, model, batch.min(data.len().max(1)))?;
    let mut predictions = Vec::with_capacity(data.len());
    let indices: Vec<usize> = (0..data.len()).collect();
    for chunk in indices.chunks(CHUNK) {
        let inputs: Vec<Vec<u8>> =
            chunk.par_iter().map(|&i| encode(model, data, i)).collect::<Result<_, IntegerError>>()?;
        let outputs = runner.outputs(&inputs, &done)?;
        predictions.extend(outputs.into_iter().map(|output| class(model, output)));
    }
    let classes = model.interface().output.dims.iter().map(|&d| usize::from(d)).product();
    Ok((Evaluation::new(predictions, &data.labels, classes), about(&gpu, &runner)))
}

/// The class of a packed output: the host's own argmax.
fn class(model: &Model, mut output: Vec<u8>) -> u32 {
    let cells = std::cell::Cell::from_mut(output.as_mut_slice()).as_slice_of_cells();
    Tensor::new(model.interface().output.spec(), cells).map_or(0, |output| generic::argmax(&output) as u32)
}

fn about(gpu: &Gpu, runner: &Runner<Gpu>) -> String {
    let (major, minor) = gpu.driver();
    format!(
        "{} (sm_{}, driver for CUDA {major}.{minor}): batch {}, {} B of GPU memory",
        gpu.name(),
        gpu.arch(),
        runner.batch(),
        runner.plan().bytes()
    )
}
