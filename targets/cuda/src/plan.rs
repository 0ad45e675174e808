//! From a model to launches: every step's output gets memory of its own, so that all of them can be looked at.

use kernels::{KernelError, TensorSpec};
use runtime::Model;
use runtime::format::{Operand, Step};
use runtime::resolve::{Resolved, concat_part};

use crate::CudaError;
use crate::accumulate::{self, Target, Tensor};
use crate::launch::{Launch, Memory};
use crate::params::Args;
use crate::simple;

/// Most bytes of a tensor: a tile behind the last pixel still has a 32-bit index.
pub const MOST_BYTES: u64 = i32::MAX as u64 - 255;

/// A step's launches: any one of them does it.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Name of the operator.
    pub op: &'static str,
    /// The choice.
    pub candidates: Vec<Launch>,
    /// Pointer of the output.
    pub output: u64,
    /// Bytes of the output of one image.
    pub output_bytes: usize,
    /// Multiply-adds of one image.
    pub macs: u64,
}

/// What a model needs and does on a device.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Constants and activations.
    pub memory: Memory,
    /// Pointer of the input.
    pub input: u64,
    /// Bytes of the input of one image.
    pub input_bytes: usize,
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
}

impl Plan {
    /// Plans a model for a target.
    ///
    /// # Errors
    /// [`CudaError::TooLarge`], [`CudaError::UnsupportedOperand`].
    pub fn new(model: &Model, target: Target) -> Result<Self, CudaError> {
        let mut memory = Memory::default();
        let mut arena = Arena::default();
        let input = model.interface().input;
        let tensor = arena.write(&mut memory, 0, target.batch, &input)?;
        let mut steps = Vec::new();
        for (index, step) in model.steps().enumerate() {
            steps.push(plan_step(model, &mut memory, &mut arena, target, index, &step)?);
        }
        Ok(Self { memory, input: tensor.at, input_bytes: bytes(&input.spec()), steps })
    }

    /// Bytes of constants, activations and workspace.
    pub fn bytes(&self) -> u64 {
        self.fixed_bytes() + self.memory.activation_bytes()
    }

    /// Bytes that do not grow with the batch.
    pub fn fixed_bytes(&self) -> u64 {
        self.memory.constants.len() as u64 + self.memory.workspace_bytes()
    }
}

/// Which tensor lies where in the arena of the host, as steps follow each other.
#[derive(Default)]
struct Arena {
    tensors: Vec<(u32, u32, u64)>,
}

impl Arena {
    /// The tensor that was written last where the operand lies.
    fn read(&self, step: usize, operand: &Operand) -> Result<Tensor, CudaError> {
        let spec = operand.spec();
        let need = (operand.offset, bytes(&spec) as u32);
        let found = self.tensors.iter().find(|&&(offset, bytes, _)| (offset, bytes) == need);
        found
            .map(|&(_, _, at)| Tensor { at, spec })
            .ok_or(CudaError::UnsupportedOperand { step, offset: operand.offset })
    }

    /// Whatever overlaps these bytes is gone.
    fn forget(&mut self, offset: u32, bytes: u32) {
        let end = u64::from(offset) + u64::from(bytes);
        self.tensors.retain(|&(start, len, _)| {
            u64::from(start) >= end || u64::from(start) + u64::from(len) <= u64::from(offset)
        });
    }

    fn write(
        &mut self,
        memory: &mut Memory,
        step: usize,
        batch: usize,
        operand: &Operand,
    ) -> Result<Tensor, CudaError> {
        let spec = operand.spec();
        let (one, all) = (bytes(&spec) as u32, bytes(&spec) as u64 * batch as u64);
        if all > MOST_BYTES {
            return Err(CudaError::TooLarge { step, batch, bytes: all, most: MOST_BYTES });
        }
        let at = memory.tensor(all);
        self.forget(operand.offset, one);
        self.tensors.push((operand.offset, one, at));
        Ok(Tensor { at, spec })
    }
}

fn bytes(spec: &TensorSpec) -> usize {
    spec.bytes().unwrap_or(0) as usize
}

fn plan_step(
    model: &Model,
    memory: &mut Memory,
    arena: &mut Arena,
    target: Target,
    index: usize,
    step: &Step,
) -> Result<PlannedStep, CudaError> {
    let invalid = |source| CudaError::InvalidStep { step: index, source };
    let unknown = || invalid(KernelError::InvalidShape);
    let resolved = model.resolve(step).ok_or_else(unknown)?;
    let read = |operand: &Operand| arena.read(index, operand);
    // Operands are found before the output takes their place.
    let operands = step.op.operands().map(read).collect::<Result<Vec<_>, _>>()?;
    let (x, second) = (*operands.first().ok_or_else(unknown)?, operands.get(1).copied());
    arena.forget(step.scratch.offset, step.scratch.bytes);
    let y = arena.write(memory, index, target.batch, &step.output)?;
    let one = |launch| vec![launch];
    let candidates = match resolved {
        Resolved::Conv2d(op, ..) => accumulate::conv2d(memory, target, &op, x, second, y),
        Resolved::Depthwise(op, ..) => accumulate::depthwise(memory, target, &op, x, second, y),
        Resolved::Dense(op, ..) => accumulate::dense(memory, target, &op, x, second, y),
        Resolved::MaxPool(op, _) => simple::max_pool(target, &op, x, y).map(one),
        Resolved::AveragePool(op, _) => simple::average_pool(memory, target, &op, x, y).map(one),
        Resolved::Add(op, ..) => simple::add(target, &op, x, second.ok_or_else(unknown)?, y).map(one),
        Resolved::Rescale(op, _) => simple::rescale(memory, target, &op, x, y).map(one),
        Resolved::Table(op, _) => simple::table(memory, target, &op, x, y).map(one),
        Resolved::Window(op, _) => simple::window(target, &op, x, y).map(one),
        Resolved::Concat(parts, shift, clamp) => {
            let mut first = 0;
            let parts: Vec<_> = parts
                .iter()
                .zip(&operands)
                .map(|(part, &x)| {
                    let op = concat_part(part, first, shift, clamp);
                    first += x.spec.dims.c;
                    (op, x)
                })
                .collect();
            simple::concat(target, &parts, y).map(one)
        }
    }
    .map_err(invalid)?;
    let macs = candidates.first().map_or(0, |launch| macs(launch, target.batch));
    let output_bytes = bytes(&step.output.spec());
    Ok(PlannedStep { op: step.op.name(), candidates, output: y.at, output_bytes, macs })
}

/// Multiply-adds of one image.
fn macs(launch: &Launch, batch: usize) -> u64 {
    match &launch.args {
        Args::Accumulate(p) => {
            let taps = p.kernel.map(|k| k.unsigned_abs() as u64).iter().product::<u64>();
            let outputs = p.pixels as u64 / batch as u64 * p.channels as u64;
            outputs * taps * p.group_inputs.max(1) as u64
        }
        _ => 0,
    }
}
