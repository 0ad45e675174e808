//! Runs a model, one step at a time, so that firmware can yield between steps.

use core::cell::Cell;

use kernels::{Tensor, generic};

use crate::format::{Step, decode};
use crate::perform::{Task, perform, view};
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
    /// The step that ran last.
    step: Step,
    index: u32,
}

impl<'m, 'a> Session<'m, 'a> {
    pub(crate) fn new(model: Model<'m>, arena: &'a [Cell<u8>]) -> Self {
        Self { model, arena, rest: model.encoded_steps(), step: Step::nothing(), index: 0 }
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
        self.advance()?;
        Ok(self.done())
    }

    /// Runs the next step and shows its index and output to `trace`.
    ///
    /// # Errors
    /// None for a model that loaded, see [`RunError`].
    pub fn step_with(&mut self, mut trace: impl FnMut(u32, Tensor)) -> Result<Progress, RunError> {
        self.advance()?;
        trace(self.index, self.result()?);
        Ok(self.done())
    }

    /// What the step that ran last wrote, until the next one.
    ///
    /// # Errors
    /// None for a model that loaded, and behind its first step.
    pub fn result(&self) -> Result<Tensor<'a>, RunError> {
        view(self.arena, &self.step.output)
    }

    fn advance(&mut self) -> Result<(), RunError> {
        decode::step(&mut self.rest, &mut self.step).map_err(|_| RunError::InvalidGraph)?;
        let (constants, layout) = (self.model.constant_section(), self.model.interface().layout);
        perform(&self.step, constants, layout, Task::Run(self.arena))
    }

    fn done(&mut self) -> Progress {
        self.index += 1;
        if self.index < self.model.step_count() {
            return Progress::Running;
        }
        self.restart();
        Progress::Done
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
