//! Checks or runs a step: one function for both, so that firmware holds the way to the operators once.

use core::cell::Cell;

use kernels::op::{Add, AveragePool, Conv2d, Dense, Depthwise, MaxPool, Rescale, Table, Window};
use kernels::{KernelError, Tensor, TensorSpec, arch, generic};

use crate::RunError;
use crate::format::{ClampRef, Layout, Operand, Part, Region, Step};
use crate::memory::{Ask, Memory};
use crate::resolve::{Act, Constants, concat_part, resolve};

/// What is done with a step.
#[derive(Clone, Copy)]
pub(crate) enum Task<'a> {
    /// It is checked, and answers what it asks of memory where its result starts that far behind its first operand,
    /// or lies apart from it.
    Check(Option<i32>, &'a Cell<Memory>),
    /// It runs in an arena.
    Run(&'a [Cell<u8>]),
}

/// Checks or runs a step.
///
/// # Errors
/// [`RunError`].
#[inline(never)]
pub(crate) fn perform(step: &Step, constants: Constants, layout: Layout, task: Task) -> Result<(), RunError> {
    let y;
    let work = match task {
        Task::Check(distance, memory) => Work::Check(Ask { y: step.output.spec(), distance }, memory),
        Task::Run(arena) => {
            y = view(arena, &step.output);
            Work::Run { arena, scratch: region(arena, step.scratch)?, y: seen(&y)? }
        }
    };
    resolve(&step.op, &step.output, constants, layout, &work).ok_or(RunError::InvalidOffset)?
}

/// The tensor of an operand.
pub(crate) fn view<'a>(arena: &'a [Cell<u8>], operand: &Operand) -> Result<Tensor<'a>, RunError> {
    Ok(Tensor::within(operand.spec(), arena, operand.offset as usize)?)
}

/// What was viewed, where it lies: a tensor that is returned is moved.
#[inline(always)]
fn seen<'t, 'a>(view: &'t Result<Tensor<'a>, RunError>) -> Result<&'t Tensor<'a>, RunError> {
    view.as_ref().map_err(|error| *error)
}

fn region(arena: &[Cell<u8>], region: Region) -> Result<&[Cell<u8>], RunError> {
    let start = region.offset as usize;
    let end = start.checked_add(region.bytes as usize).ok_or(RunError::InvalidOffset)?;
    arena.get(start..end).ok_or(RunError::InvalidOffset)
}

enum Work<'a> {
    Check(Ask, &'a Cell<Memory>),
    Run { arena: &'a [Cell<u8>], scratch: &'a [Cell<u8>], y: &'a Tensor<'a> },
}

fn spec(residual: Option<&Operand>) -> Option<TensorSpec> {
    residual.map(Operand::spec)
}

/// An operator with weights, by its kernel.
macro_rules! weighted {
    ($name:ident, $op:ident) => {
        fn $name(&self, op: &$op<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done {
            match self {
                Self::Check(ask, memory) => {
                    op.check(&x.spec(), spec(residual).as_ref(), &ask.y)?;
                    memory.set(ask.$name(op, x, residual));
                }
                Self::Run { arena, scratch, y } => {
                    let x = view(arena, x);
                    let residual = residual.map(|operand| view(arena, operand));
                    let residual = residual.as_ref().map(seen).transpose()?;
                    arch::$name(seen(&x)?, residual, op, scratch, y)?;
                }
            }
            Ok(())
        }
    };
}

/// An operator with one operand, by its kernel.
macro_rules! plain {
    ($name:ident, $op:ty, $tier:ident) => {
        fn $name(&self, op: &$op, x: &'s Operand) -> Self::Done {
            match self {
                Self::Check(ask, memory) => {
                    op.check(&x.spec(), &ask.y)?;
                    memory.set(ask.$name(op, x));
                }
                Self::Run { arena, y, .. } => $tier::$name(&view(arena, x)?, op, y)?,
            }
            Ok(())
        }
    };
}

impl<'m, 's> Act<'m, 's> for Work<'_> {
    type Done = Result<(), RunError>;

    weighted!(conv2d, Conv2d);
    weighted!(depthwise, Depthwise);
    weighted!(dense, Dense);
    plain!(max_pool, MaxPool, arch);
    plain!(average_pool, AveragePool<'m>, arch);
    plain!(rescale, Rescale<'m>, arch);
    plain!(table, Table<'m>, generic);
    plain!(window, Window, generic);

    fn add(&self, op: &Add, a: &'s Operand, b: &'s Operand) -> Self::Done {
        match self {
            Self::Check(ask, memory) => {
                op.check(&a.spec(), &b.spec(), &ask.y)?;
                memory.set(ask.add(op, a, b));
            }
            Self::Run { arena, y, .. } => arch::add(&view(arena, a)?, &view(arena, b)?, op, y)?,
        }
        Ok(())
    }

    fn concat(&self, parts: &'s [Part], shift: u8, clamp: ClampRef) -> Self::Done {
        let mut first = 0u16;
        for part in parts {
            let op = concat_part(part, first, shift, clamp);
            match self {
                Self::Check(ask, _) => op.check(&part.operand.spec(), &ask.y)?,
                Self::Run { arena, y, .. } => generic::concat(&view(arena, &part.operand)?, &op, y)?,
            }
            let [_, _, channels] = part.operand.dims;
            first = first.saturating_add(channels);
        }
        if let Self::Check(ask, memory) = self {
            if first != ask.y.dims.c {
                return Err(KernelError::InvalidShape.into());
            }
            memory.set(ask.concat(parts, shift, clamp));
        }
        Ok(())
    }
}
