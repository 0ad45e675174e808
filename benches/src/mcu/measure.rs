//! Runs a network on a board under the counter, and compares every step with the host.

use host_tools::board::Board;
use host_tools::count::{self, Cost};
use host_tools::latency::Work;
use runtime::Model as Runtime;

use super::McuError;
use super::models::Integers;

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
        self.steps.iter().map(|step| step.cost).sum()
    }

    /// Multiplications of all steps.
    pub fn macs(&self) -> u64 {
        self.steps.iter().map(|step| step.macs).sum()
    }
}

/// A board with its firmware and the counter.
#[derive(Debug)]
pub struct Counter(count::Counter);

impl Counter {
    /// Builds firmware and plugin, and reads the firmware's code.
    ///
    /// # Errors
    /// Whatever is missing.
    pub fn new(board: &'static Board) -> Result<Self, McuError> {
        count::Counter::new(board).map(Self).map_err(McuError::count(board.name))
    }

    /// Counts one inference.
    ///
    /// # Errors
    /// No result, or one that differs from the host's.
    pub fn count(&self, network: &Integers) -> Result<ModelCount, McuError> {
        let model = Runtime::load(network.file.as_slice())?;
        let counted = self.0.count(&model, &network.input).map_err(McuError::count(&network.name))?;
        let steps = model.steps().zip(&counted.steps).zip(&network.lowered.network.infos);
        Ok(ModelCount {
            file_bytes: network.file.as_slice().len(),
            arena_bytes: model.arena_bytes(),
            stack_bytes: counted.stack_bytes,
            steps: steps
                .map(|((step, cost), info)| StepCount {
                    op: step.op.name(),
                    name: info.name.clone(),
                    output: step.output.dims,
                    work: Work::of(&step),
                    macs: info.macs,
                    scratch_bytes: step.scratch.bytes,
                    cost: *cost,
                })
                .collect(),
            executed: counted.executed,
            summed: counted.summed,
        })
    }
}
