//! Runs a model, one step at a time, so that firmware can yield between steps.

use core::cell::Cell;

use kernels::{Tensor, arch, generic};

use crate::format::{Layout, Operand, Region, Step};
use crate::linked;
use crate::model::next_step;
use crate::resolve::{Constants, Resolved, concat_part, resolve};
use crate::{Model, RunError};

/// What a call of [`Session::step`] left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More steps follow.
    Running,
    /// That was the last step: the output is there, and the next call starts the next inference.
    Done,
}

/// A model with an arena.
///
/// Input and output share the arena with everything between: fill the whole input before each inference,
/// and read the output before the next.
#[derive(Debug)]
pub struct Session<'m, 'a> {
    model: Model<'m>,
    arena: &'a [Cell<u8>],
    rest: &'m [u8],
    index: u32,
}

impl<'m, 'a> Session<'m, 'a> {
    pub(crate) fn new(model: Model<'m>, arena: &'a [Cell<u8>]) -> Self {
        Self { model, arena, rest: model.encoded_steps(), index: 0 }
    }

    /// The model.
    pub fn model(&self) -> &Model<'m> {
        &self.model
    }

    /// The network's input: write its elements or bytes.
    ///
    /// # Errors
    /// None for a model that loaded.
    pub fn input(&self) -> Result<Tensor<'a>, RunError> {
        view(self.arena, &self.model.interface().input)
    }

    /// Copies packed bytes into the network's input; says whether there were as many as it has.
    pub fn set_input(&mut self, bytes: &[u8]) -> bool {
        let Ok(input) = self.input() else { return false };
        for (cell, byte) in input.cells().iter().zip(bytes) {
            cell.set(*byte);
        }
        input.cells().len() == bytes.len()
    }

    /// The network's output, valid after the last step and until the next inference.
    ///
    /// # Errors
    /// None for a model that loaded.
    pub fn output(&self) -> Result<Tensor<'a>, RunError> {
        view(self.arena, &self.model.interface().output)
    }

    /// Index of the largest output: the class.
    pub fn argmax(&self) -> usize {
        self.output().map_or(0, |output| generic::argmax(&output))
    }

    /// Runs the next step.
    ///
    /// # Errors
    /// None for a model that loaded, see [`RunError`].
    pub fn step(&mut self) -> Result<Progress, RunError> {
        self.step_with(|_, _| {})
    }

    /// Runs the next step and shows its index and output to `trace`.
    ///
    /// # Errors
    /// None for a model that loaded, see [`RunError`].
    pub fn step_with(&mut self, mut trace: impl FnMut(u32, Tensor)) -> Result<Progress, RunError> {
        let step = next_step(&mut self.rest).map_err(|_| RunError::InvalidGraph)?;
        run_step(&step, self.model.constant_section(), self.model.interface().layout, self.arena)?;
        trace(self.index, view(self.arena, &step.output)?);
        self.index += 1;
        if self.index < self.model.step_count() {
            return Ok(Progress::Running);
        }
        self.restart();
        Ok(Progress::Done)
    }

    /// Gives up an unfinished inference.
    pub fn restart(&mut self) {
        self.rest = self.model.encoded_steps();
        self.index = 0;
    }

    /// Runs all remaining steps.
    ///
    /// # Errors
    /// None for a model that loaded, see [`RunError`].
    pub fn run(&mut self) -> Result<(), RunError> {
        while self.step()? == Progress::Running {}
        Ok(())
    }

    /// Runs all remaining steps and shows each one's index and output to `trace`.
    ///
    /// # Errors
    /// None for a model that loaded, see [`RunError`].
    pub fn run_with(&mut self, mut trace: impl FnMut(u32, Tensor)) -> Result<(), RunError> {
        while self.step_with(&mut trace)? == Progress::Running {}
        Ok(())
    }
}

fn view<'a>(arena: &'a [Cell<u8>], operand: &Operand) -> Result<Tensor<'a>, RunError> {
    let spec = operand.spec();
    let bytes = spec.bytes().ok_or(RunError::InvalidOffset)?;
    Ok(Tensor::new(spec, region(arena, Region { offset: operand.offset, bytes })?)?)
}

fn region(arena: &[Cell<u8>], region: Region) -> Result<&[Cell<u8>], RunError> {
    let start = region.offset as usize;
    let end = start.checked_add(region.bytes as usize).ok_or(RunError::InvalidOffset)?;
    arena.get(start..end).ok_or(RunError::InvalidOffset)
}

fn run_step(step: &Step, constants: Constants, layout: Layout, arena: &[Cell<u8>]) -> Result<(), RunError> {
    let view = |operand: &Operand| view(arena, operand);
    let optional = |operand: Option<Operand>| operand.as_ref().map(view).transpose();
    let y = view(&step.output)?;
    let scratch = region(arena, step.scratch)?;
    match resolve(&step.op, &step.output, constants, layout).ok_or(RunError::InvalidOffset)? {
        Resolved::Conv2d(op, x, r) if linked::CONV2D => {
            arch::conv2d(&view(&x)?, optional(r)?.as_ref(), &op, scratch, &y)?
        }
        Resolved::Depthwise(op, x, r) if linked::DEPTHWISE => {
            arch::depthwise(&view(&x)?, optional(r)?.as_ref(), &op, scratch, &y)?
        }
        Resolved::Dense(op, x, r) if linked::DENSE => {
            arch::dense(&view(&x)?, optional(r)?.as_ref(), &op, scratch, &y)?
        }
        Resolved::MaxPool(op, x) if linked::MAX_POOL => generic::max_pool(&view(&x)?, &op, &y)?,
        Resolved::AveragePool(op, x) if linked::AVERAGE_POOL => arch::average_pool(&view(&x)?, &op, &y)?,
        Resolved::Add(op, a, b) if linked::ADD => arch::add(&view(&a)?, &view(&b)?, &op, &y)?,
        Resolved::Rescale(op, x) if linked::RESCALE => generic::rescale(&view(&x)?, &op, &y)?,
        Resolved::Table(op, x) if linked::TABLE => generic::table(&view(&x)?, &op, &y)?,
        Resolved::Concat(parts, shift, clamp) if linked::CONCAT => {
            let mut first = 0u16;
            for part in parts {
                let x = view(&part.operand)?;
                generic::concat(&x, &concat_part(part, first, shift, clamp), &y)?;
                first = first.saturating_add(x.spec().dims.c);
            }
        }
        Resolved::Window(op, x) if linked::WINDOW => generic::window(&view(&x)?, &op, &y)?,
        _ => return Err(RunError::InvalidGraph),
    }
    Ok(())
}
