//! Loads, fills, steps, reports.

use core::fmt;

use runtime::{LoadError, RunError, trace::crc32_cells};

use crate::{
    console::{hex, line},
    entry::{sparrowhawk_infer, sparrowhawk_load},
    files::{FileError, Inputs},
};

/// What is printed while a network runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A CRC-32 of every step's output.
    Trace,
    /// Nothing: the loop that a product would ship.
    Plain,
    /// Inputs come in pairs: the first one's stack is measured, the second one's steps have markers.
    #[cfg(feature = "count")]
    Count,
}

/// Why no result came.
#[derive(Debug)]
pub(crate) enum Error {
    File(FileError),
    Load(LoadError),
    Run(RunError),
    /// A kernel is wrong.
    #[cfg(feature = "conformance")]
    Kernel(kernels::conformance::Mismatch),
    /// The stack was used to its last byte.
    StackFull {
        /// Size of the stack.
        bytes: usize,
    },
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

#[cfg(feature = "conformance")]
impl From<kernels::conformance::Mismatch> for Error {
    fn from(mismatch: kernels::conformance::Mismatch) -> Self {
        Self::Kernel(mismatch)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Load(error) => write!(f, "model: {error}"),
            Self::Run(error) => write!(f, "step: {error}"),
            #[cfg(feature = "conformance")]
            Self::Kernel(mismatch) => write!(f, "kernel: {mismatch}"),
            Self::StackFull { bytes } => write!(f, "all {bytes} bytes of stack were used"),
        }
    }
}

/// Runs the model on every input of the file.
pub(crate) fn run(
    bytes: &'static [u8],
    arena: &mut [u8],
    mut inputs: Inputs,
    mode: Mode,
) -> Result<(), Error> {
    let model = sparrowhawk_load(bytes)?;
    line!("arena {} {}", model.arena_bytes(), arena.len());
    line!("steps {}", model.step_count());
    let mut session = model.session(arena)?;
    let mut index = 0;
    while inputs.next(session.input()?.cells())? {
        line!("input {index}");
        match mode {
            Mode::Trace => {
                session
                    .run_with(|step, output| line!("step {step} crc {:08x}", crc32_cells(output.cells())))?;
            }
            Mode::Plain => sparrowhawk_infer(&mut session)?,
            #[cfg(feature = "count")]
            Mode::Count if index % 2 == 0 => crate::count::stack(&mut session)?,
            #[cfg(feature = "count")]
            Mode::Count => crate::count::steps(&mut session)?,
        }
        hex("output", session.output()?.cells());
        index += 1;
    }
    Ok(())
}
