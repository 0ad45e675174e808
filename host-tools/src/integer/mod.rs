//! The integer executor on the host: the runtime itself, with memory and threads around it.

mod bytes;
mod evaluate;
mod samples;

pub use bytes::AlignedBytes;
pub use evaluate::{Evaluation, evaluate, evaluate_at, evaluate_float};
pub use samples::{InputKind, encode};
pub(crate) use samples::{RealInput, pack};

use runtime::{LoadError, Model, RunError, trace};

/// Error of running a model file on the host.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntegerError {
    /// The bytes are no model.
    #[error("model file: {0}")]
    Load(#[from] LoadError),
    /// A step failed.
    #[error("model file: {0}")]
    Run(#[from] RunError),
    /// The samples do not fit the network's input.
    #[error(
        "the network's input has {need} bytes, a sample has {have}; is this the data the model was made for?"
    )]
    Input {
        /// Bytes of the input tensor.
        need: usize,
        /// Bytes of the sample.
        have: usize,
    },
    /// The samples are of another kind than those that the model was made for.
    #[error("the model takes {need} samples, the data holds {have} samples")]
    Kind {
        /// Kind in the file.
        need: InputKind,
        /// Kind of the data.
        have: InputKind,
    },
    /// The float network failed.
    #[error(transparent)]
    Execute(#[from] crate::graph::ExecuteError),
}

/// What one input gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// CRC-32 of every step's output.
    pub crcs: Vec<u32>,
    /// Packed output.
    pub output: Vec<u8>,
}

/// Runs one packed input and records every step's CRC.
///
/// # Errors
/// See [`IntegerError`].
pub fn run_traced(model: &Model, input: &[u8]) -> Result<Traced, IntegerError> {
    let mut arena = AlignedBytes::zeroed(model.arena_bytes());
    let mut session = model.session(arena.as_mut_slice())?;
    if !session.set_input(input) {
        return Err(IntegerError::Input { need: session.input()?.cells().len(), have: input.len() });
    }
    let mut crcs = Vec::new();
    session.run_with(|_, output| crcs.push(trace::crc32_cells(output.cells())))?;
    let output = session.output()?.cells().iter().map(std::cell::Cell::get).collect();
    Ok(Traced { crcs, output })
}
