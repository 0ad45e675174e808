//! Counts the instructions of an inference on an emulated board, step by step, with an estimate of Cortex-M4 cycles where
//! it is a Cortex-M.
//!
//! A plugin of QEMU counts the executions of every translation block between calls of an empty marker function of the
//! firmware; the disassembly gives every instruction's class, and the rules of `cycles.rs` its cycles.

mod counts;
mod cycles;
mod error;
mod plugin;
mod program;
mod record;

use std::{ffi::OsString, fs};

use runtime::Model;

pub use error::CountError;
pub use program::Cost;
pub use record::Record;

use counts::Counts;
use program::Code;

use crate::board::{self, Board, Image, Mode, RunOptions};
use crate::verify;

/// One inference as counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What every step executed, its decoding included.
    pub steps: Vec<Cost>,
    /// Bytes of stack below the caller of the inference.
    pub stack_bytes: usize,
    /// Instructions of the whole run, loading and console included, counted one by one.
    pub executed: u64,
    /// The same as the sum over all blocks of all regions.
    pub summed: u64,
}

impl Counted {
    /// What all steps executed.
    pub fn total(&self) -> Cost {
        self.steps.iter().copied().sum()
    }
}

/// A board with its firmware and the counter.
#[derive(Debug)]
pub struct Counter {
    board: &'static Board,
    plugin: OsString,
    code: Code,
}

impl Counter {
    /// Builds firmware and plugin, and reads the firmware's code.
    ///
    /// # Errors
    /// Whatever is missing.
    pub fn new(board: &'static Board) -> Result<Self, CountError> {
        let code = Code::read(&board::build_image(board, Image::Count)?)?;
        Ok(Self { board, plugin: plugin::build()?.into(), code })
    }

    /// Counts one inference of a packed input.
    ///
    /// # Errors
    /// No result, or one that differs from the host's.
    pub fn count(&self, model: &Model, input: &[u8]) -> Result<Counted, CountError> {
        let folder = tempfile::tempdir().map_err(CountError::io("cannot create a temporary folder"))?;
        let path = folder.path().join("counts");
        let mut argument = self.plugin.clone();
        argument.push(format!(",marker={:#x},out={}", self.code.marker, path.display()));
        let options = RunOptions {
            mode: Mode::Count,
            emulator_arguments: vec!["-plugin".into(), argument],
            ..RunOptions::default()
        };
        // The first tells the stack, the second the steps.
        let inputs = vec![input.to_vec(); 2];
        let run = board::run(self.board, model.file(), &inputs, &options)?;
        let stack_bytes = run.inference_stack_bytes;
        let stack_bytes =
            stack_bytes.ok_or_else(|| CountError::Counts("the firmware told no stack".into()))?;

        let expected = verify::host_traces(model, &inputs[1..])?;
        let traced = verify::board_traces(run).split_off(1);
        if let Some(difference) = verify::compare(model, &expected, &traced) {
            return Err(CountError::Differs { board: self.board.name, difference });
        }
        let text = fs::read_to_string(&path).map_err(CountError::file("read", &path))?;
        let counts = Counts::parse(&text)?;
        let regions = 2 * model.step_count() as usize + 2;
        if counts.regions.len() != regions {
            let what = format!("{} regions, {regions} expected", counts.regions.len());
            return Err(CountError::Counts(what));
        }
        // What precedes the first marker, and behind every step the console, are even.
        let steps = counts.regions.iter().skip(1).step_by(2).take(model.step_count() as usize);
        Ok(Counted {
            steps: steps.map(|region| self.code.cost(region)).collect::<Result<_, _>>()?,
            stack_bytes,
            executed: counts.executed,
            summed: counts.sum(),
        })
    }
}
