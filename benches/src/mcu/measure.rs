//! Runs a network on a board under the counter, and compares every step with the host.

use std::{ffi::OsString, fs};

use host_tools::board::{self, Board, Image, Mode, RunOptions};
use host_tools::integer::run_traced;
use host_tools::latency::Work;
use runtime::Model as Runtime;

use super::McuError;
use super::counts::Counts;
use super::models::Integers;
use super::plugin;
use super::program::{Code, Cost};

/// One step as counted.
#[derive(Clone, Debug, PartialEq)]
pub struct StepCount {
    /// Operator.
    pub op: &'static str,
    /// Nodes in it.
    pub name: String,
    /// Rows, columns, channels of the result.
    pub output: [u16; 3],
    /// Its size.
    pub work: Work,
    /// Multiplications; 0 for pooling.
    pub macs: u64,
    /// Bytes of scratch.
    pub scratch_bytes: u32,
    /// What it executed, its decoding included.
    pub cost: Cost,
}

/// One inference as counted.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCount {
    /// Bytes of the model file.
    pub file_bytes: usize,
    /// Bytes of the arena, scratch included.
    pub arena_bytes: usize,
    /// Bytes of stack below the caller of the inference.
    pub stack_bytes: usize,
    /// Steps in order.
    pub steps: Vec<StepCount>,
    /// Instructions of the whole run, loading and console included, counted one by one.
    pub executed: u64,
    /// The same as the sum over all blocks of all regions.
    pub summed: u64,
}

impl ModelCount {
    /// What all steps executed.
    pub fn total(&self) -> Cost {
        self.steps.iter().fold(Cost::default(), |sum, step| Cost {
            instructions: sum.instructions + step.cost.instructions,
            cycles: sum.cycles + step.cost.cycles,
        })
    }

    /// Multiplications of all steps.
    pub fn macs(&self) -> u64 {
        self.steps.iter().map(|step| step.macs).sum()
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
    pub fn new(board: &'static Board) -> Result<Self, McuError> {
        let code = Code::read(&board::build_image(board, Image::Count)?)?;
        Ok(Self { board, plugin: plugin::build()?.into(), code })
    }

    /// Counts one inference.
    ///
    /// # Errors
    /// No result, or one that differs from the host's.
    pub fn count(&self, network: &Integers) -> Result<ModelCount, McuError> {
        let model =
            Runtime::load(network.file.as_slice()).map_err(host_tools::integer::IntegerError::from)?;
        let folder = tempfile::tempdir()
            .map_err(|source| McuError::Io { what: "cannot create a temporary folder".into(), source })?;
        let path = folder.path().join("counts");
        let mut argument = self.plugin.clone();
        argument.push(format!(",marker={:#x},out={}", self.code.marker, path.display()));
        let options = RunOptions {
            mode: Mode::Count,
            emulator_arguments: vec!["-plugin".into(), argument],
            ..RunOptions::default()
        };
        let inputs = vec![network.input.clone(); 2];
        let run = board::run(self.board, network.file.as_slice(), &inputs, &options)?;

        let expected = run_traced(&model, &network.input)?;
        let differs = |difference: String| McuError::Differs {
            model: network.name.clone(),
            board: self.board.name,
            difference,
        };
        let wrong = run.runs[1].crcs.iter().zip(&expected.crcs).position(|(got, expected)| got != expected);
        if let Some(step) = wrong {
            return Err(differs(format!("step {step}")));
        }
        if run.runs[1].crcs.len() != expected.crcs.len() {
            return Err(differs(format!("{} steps", run.runs[1].crcs.len())));
        }
        if run.runs.iter().any(|run| run.output != expected.output) {
            return Err(differs("the output".into()));
        }

        let text = fs::read_to_string(&path).map_err(McuError::file("read", &path))?;
        let counts = Counts::parse(&text)?;
        let steps = self.steps(&model, network, &counts)?;
        let stack = run.inference_stack_bytes;
        let stack_bytes = stack.ok_or_else(|| McuError::Counts("the firmware told no stack".into()))?;
        Ok(ModelCount {
            file_bytes: network.file.as_slice().len(),
            arena_bytes: model.arena_bytes(),
            stack_bytes,
            steps,
            executed: counts.executed,
            summed: counts.sum(),
        })
    }

    fn steps(
        &self,
        model: &Runtime,
        network: &Integers,
        counts: &Counts,
    ) -> Result<Vec<StepCount>, McuError> {
        let expected = 2 * model.step_count() as usize + 2;
        if counts.regions.len() != expected {
            let what = format!("{} regions, {expected} expected", counts.regions.len());
            return Err(McuError::Counts(what));
        }
        // What precedes the first marker, and behind every step the console, are even.
        let regions = counts.regions.iter().skip(1).step_by(2);
        let infos = &network.lowered.network.infos;
        let steps = model.steps().zip(regions).zip(infos).map(|((step, region), info)| {
            Ok(StepCount {
                op: step.op.name(),
                name: info.name.clone(),
                output: step.output.dims,
                work: Work::of(&step),
                macs: info.macs,
                scratch_bytes: step.scratch.bytes,
                cost: self.code.cost(region)?,
            })
        });
        steps.collect()
    }
}
