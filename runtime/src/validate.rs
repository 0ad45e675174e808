//! Every check between the bytes of a graph and a model that runs. It is total: each step's constants lie in
//! CONST, its tensors in the arena, its kernel accepts it, and tensors overlap only as far as the operator
//! allows it ([`Overlap`]).

use core::cell::Cell;

use kernels::KernelError;
use kernels::arch::{armv7em, mve};
use kernels::op::Overlap;

use crate::format::{DecodeError, Interface, Layout, Op, Operand, Region, Step, decode};
use crate::linked;
use crate::memory::{Ask, Memory};
use crate::perform::{Task, perform};
use crate::resolve::{Constants, Lookup, Resolved, Return, Unknown, resolve};
use crate::{LoadError, Model, RunError};

/// Where the result of a step may lie over its operand `index`, in the order of [`Op::operands`].
pub fn overlap(op: &Op, output: &Operand, layout: Layout, index: usize) -> Overlap {
    memory(op, output, layout, None).overlaps.get(index).copied().unwrap_or(Overlap::NEVER)
}

/// Bytes of scratch that a step needs: its result starts `distance` bytes behind its first operand, or lies apart.
pub fn scratch_bytes(op: &Op, output: &Operand, layout: Layout, distance: Option<i32>) -> usize {
    memory(op, output, layout, distance).scratch
}

fn memory(op: &Op, output: &Operand, layout: Layout, distance: Option<i32>) -> Memory {
    resolve(op, output, Unknown, layout, &Ask { y: output.spec(), distance }).unwrap_or(Memory::NONE)
}

/// What a step needs beside the kernels that a core with the DSP extension, or with Helium for weights packed for that,
/// always has of its own, by the features' names; `None` where it does not resolve.
pub fn beyond_dsp(step: &Step, model: &Model) -> Option<Beyond> {
    let layout = match model.interface().layout {
        Layout::Words => Layout::Rows,
        layout => layout,
    };
    let y = step.output.spec();
    let nothing = Beyond::default();
    let portable = |needed| Beyond { portable: needed, ..nothing };
    // With Helium nothing of that is left out.
    let wide = |needed| Beyond { wide: needed && layout != Layout::Mve, ..nothing };
    Some(match resolve(&step.op, &step.output, model.constant_section(), layout, &Return)? {
        Resolved::Conv2d(op, _, residual) if op.in_blocks() => {
            wide(!armv7em::finishes_conv2d(&op, residual.is_some(), &y))
        }
        Resolved::Conv2d(..) => portable(true),
        Resolved::Depthwise(op, x, residual) if layout == Layout::Mve => {
            let takes = mve::takes_depthwise(&op, residual.is_some(), &x.spec(), &y);
            Beyond { portable: !takes, stride2: takes && op.geometry.stride[0] == 2, ..nothing }
        }
        Resolved::Depthwise(op, x, residual) => {
            match armv7em::depthwise_needs(&op, residual.is_some(), &x.spec(), &y) {
                Some(armv7em::Needs { wide, stride2, five }) => Beyond { wide, stride2, five, ..nothing },
                None => portable(true),
            }
        }
        Resolved::Dense(..) if layout == Layout::Rows => portable(true),
        Resolved::Dense(op, x, residual) => {
            wide(!armv7em::finishes_dense(&op, residual.is_some(), &x.spec(), &y))
        }
        Resolved::AveragePool(op, x) if armv7em::takes_average_pool(&op, &x.spec(), &y) => {
            wide(!armv7em::fills_groups(&y))
        }
        Resolved::AveragePool(..) => portable(true),
        Resolved::MaxPool(op, x) => portable(!armv7em::takes_max_pool(&op, &x.spec())),
        Resolved::Rescale(op, x) => portable(!armv7em::takes_rescale(&op, &x.spec(), &y)),
        Resolved::Add(_, a, b) => portable(!armv7em::takes_add(&a.spec(), &b.spec(), &y)),
        _ => nothing,
    })
}

/// See [`beyond_dsp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// A portable kernel.
    pub portable: bool,
    /// Results that products do not finish, channels that are no whole groups.
    pub wide: bool,
    /// Depthwise kernels of stride 2.
    pub stride2: bool,
    /// Depthwise kernels of 5x5.
    pub five: bool,
}

/// Checks interface and all steps.
pub(crate) fn validate_steps(
    interface: &Interface,
    mut rest: &[u8],
    constants: Constants,
) -> Result<(), LoadError> {
    if interface.arena_bytes > i32::MAX as u32 {
        return Err(LoadError::InvalidInterface);
    }
    if !kernels::arch::supports(interface.layout.into()) {
        return Err(LoadError::UnsupportedLayout { layout: interface.layout as u8 });
    }
    let mut step = Step::nothing();
    for index in 0..u32::from(interface.steps) {
        decode::step(&mut rest, &mut step).map_err(|error| match error {
            DecodeError::Invalid => LoadError::InvalidGraph { step: index },
            DecodeError::Unlinked(operator) => LoadError::UnsupportedOperator { step: index, operator },
        })?;
        Check { index, step: &step, arena: interface.arena_bytes }.run(constants, interface.layout)?;
    }
    let inside = |operand: &Operand| extent(operand, interface.arena_bytes).is_some();
    let output = &interface.output;
    // A reshape at the end gives the last result another shape.
    let place = |o: &Operand| (o.offset, o.dtype, o.zero, o.spec().bytes());
    let computed = interface.steps > 0 && place(&step.output) == place(output);
    if !inside(&interface.input) || !inside(output) || !computed {
        return Err(LoadError::InvalidInterface);
    }
    Ok(())
}

/// First and last byte (exclusive) of a tensor in the arena.
fn extent(operand: &Operand, arena: u32) -> Option<(u32, u32)> {
    let bytes = operand.spec().check().ok()?;
    range(Region { offset: operand.offset, bytes }, arena)
}

fn range(region: Region, arena: u32) -> Option<(u32, u32)> {
    let end = region.offset.checked_add(region.bytes)?;
    if end > arena { None } else { Some((region.offset, end)) }
}

fn overlap_bytes(a: (u32, u32), b: (u32, u32)) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// Bytes from an operand to a result; both lie in the arena, which is smaller than two gibibytes.
fn distance(operand: &Operand, output: &Operand) -> i32 {
    output.offset as i32 - operand.offset as i32
}

struct Check<'a> {
    index: u32,
    step: &'a Step,
    arena: u32,
}

impl Check<'_> {
    fn run(&self, constants: Constants, layout: Layout) -> Result<(), LoadError> {
        let invalid = LoadError::InvalidConstant { step: self.index };
        if let Some(accumulate) = self.step.op.accumulate() {
            let [_, _, channels] = self.step.output.dims;
            let multipliers = constants.words(accumulate.multipliers, channels).ok_or(invalid)?;
            if multipliers.iter().any(|&multiplier| multiplier < 1) {
                return Err(invalid);
            }
            if !linked::RESIDUAL && accumulate.residual.is_some() {
                return Err(self.kernel(KernelError::UnsupportedByBuild));
            }
        }
        let memory = Cell::new(Memory::NONE);
        let task = Task::Check(self.distance(), &memory);
        perform(self.step, constants, layout, task).map_err(|error| match error {
            RunError::InvalidStep(error) => self.kernel(error),
            _ => invalid,
        })?;
        self.places(memory.get())
    }

    fn kernel(&self, error: KernelError) -> LoadError {
        LoadError::InvalidStep { step: self.index, error }
    }

    fn extent(&self, operand: &Operand) -> Result<(u32, u32), LoadError> {
        extent(operand, self.arena).ok_or(LoadError::InvalidOffset { step: self.index })
    }

    /// How far behind its first operand the result starts where the two overlap.
    fn distance(&self) -> Option<i32> {
        let Step { op, output, .. } = self.step;
        let operand = op.operands().next()?;
        let both = extent(operand, self.arena).zip(extent(output, self.arena));
        both.filter(|&(a, b)| overlap_bytes(a, b)).map(|_| distance(operand, output))
    }

    /// Checks where result, scratch and operands lie: the scratch, exactly as large as needed, is apart from all.
    fn places(&self, memory: Memory) -> Result<(), LoadError> {
        let Step { op, output, scratch } = self.step;
        let result = self.extent(output)?;
        let need = memory.scratch;
        if scratch.bytes as usize != need {
            let invalid = KernelError::InvalidScratch { need: need as u32, have: scratch.bytes };
            return Err(self.kernel(invalid));
        }
        let outside = LoadError::InvalidOffset { step: self.index };
        let scratch = range(*scratch, self.arena).ok_or(outside)?;
        let mut overlapping = overlap_bytes(scratch, result);
        let mut rules = memory.overlaps.into_iter();
        for operand in op.operands() {
            let (place, rule) = (self.extent(operand)?, rules.next().unwrap_or(Overlap::NEVER));
            overlapping |= overlap_bytes(place, scratch)
                || overlap_bytes(place, result) && !rule.allows(distance(operand, output));
        }
        if overlapping { Err(LoadError::InvalidOverlap { step: self.index }) } else { Ok(()) }
    }
}
