//! Every check between the bytes of a graph and a model that runs. It is total: each step's constants lie in
//! CONST, its tensors in the arena, its kernel accepts it, and tensors overlap only as far as the operator
//! allows it ([`Overlap`]).

use core::iter;

use kernels::arch::armv7em;
use kernels::op::Overlap;
use kernels::{KernelError, TensorSpec};

use crate::format::{DecodeError, Interface, Layout, Op, Operand, Region, Step};
use crate::linked;
use crate::model::next_step;
use crate::resolve::{Constants, Resolved, concat_part, memory, resolve};
use crate::{LoadError, Model};

/// Where the result of a step may lie over its operand `index`, in the order of [`Op::operands`].
pub fn overlap(op: &Op, output: &Operand, layout: Layout, index: usize) -> Overlap {
    memory(op, output, layout, None).overlaps.get(index).copied().unwrap_or(Overlap::NEVER)
}

/// Bytes of scratch that a step needs: its result starts `distance` bytes behind its first operand, or lies apart.
pub fn scratch_bytes(op: &Op, output: &Operand, layout: Layout, distance: Option<i32>) -> usize {
    memory(op, output, layout, distance).scratch
}

/// What a step needs beside the kernels that a core with the DSP extension has of its own, see the features `portable`
/// and `wide`; `None` where it does not resolve, or the weights are packed for another tier.
pub fn beyond_dsp(step: &Step, model: &Model) -> Option<Beyond> {
    let layout = match model.interface().layout {
        Layout::Mve => return None,
        Layout::Words => Layout::Rows,
        layout => layout,
    };
    let y = step.output.spec();
    let (portable, wide) = match resolve(&step.op, &step.output, model.constant_section(), layout)? {
        Resolved::Conv2d(op, _, residual) if op.in_blocks() => {
            (false, !armv7em::finishes_conv2d(&op, residual.is_some(), &y))
        }
        Resolved::Conv2d(..) => (true, false),
        Resolved::Depthwise(op, x, residual) => {
            (!armv7em::takes_depthwise(&op, residual.is_some(), &x.spec(), &y), false)
        }
        Resolved::Dense(..) if layout == Layout::Rows => (true, false),
        Resolved::Dense(op, x, residual) => {
            (false, !armv7em::finishes_dense(&op, residual.is_some(), &x.spec(), &y))
        }
        Resolved::AveragePool(op, x) => (!armv7em::takes_average_pool(&op, &x.spec(), &y), false),
        Resolved::Add(_, a, b) => (!armv7em::takes_add(&a.spec(), &b.spec(), &y), false),
        _ => (false, false),
    };
    Some(Beyond { portable, wide })
}

/// See [`beyond_dsp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// A portable kernel.
    pub portable: bool,
    /// Results that products do not finish.
    pub wide: bool,
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
    let mut last = None;
    for index in 0..interface.steps {
        let step = next_step(&mut rest).map_err(|error| match error {
            DecodeError::Invalid => LoadError::InvalidGraph { step: index },
            DecodeError::Unlinked(operator) => LoadError::UnsupportedOperator { step: index, operator },
        })?;
        Check { index, step: &step, arena: interface.arena_bytes }.run(constants, interface.layout)?;
        last = Some(step.output);
    }
    let inside = |operand: &Operand| extent(operand, interface.arena_bytes).is_some();
    let output = &interface.output;
    // A reshape at the end gives the last result another shape.
    let computed = last.is_some_and(|last: Operand| {
        let place = |o: &Operand| (o.offset, o.dtype, o.zero, o.spec().bytes());
        place(&last) == place(output)
    });
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

struct Check<'a> {
    index: u32,
    step: &'a Step,
    arena: u32,
}

impl Check<'_> {
    fn run(&self, constants: Constants, layout: Layout) -> Result<(), LoadError> {
        let output = &self.step.output;
        let y = output.spec();
        let invalid = LoadError::InvalidConstant { step: self.index };
        let resolved = resolve(&self.step.op, output, constants, layout).ok_or(invalid)?;
        let multipliers = self.step.op.accumulate().map(|a| constants.words(a.multipliers, y.dims.c));
        if multipliers.flatten().is_some_and(|m| m.iter().any(|&m| m < 1)) {
            return Err(invalid);
        }
        let second = self.step.op.accumulate().and_then(|a| a.residual);
        if !linked::RESIDUAL && second.is_some() {
            return self.kernel(Err(KernelError::UnsupportedByBuild));
        }
        match resolved {
            Resolved::Conv2d(op, x, residual) if linked::CONV2D => {
                self.kernel(op.check(&x.spec(), spec(&residual).as_ref(), &y))?;
            }
            Resolved::Depthwise(op, x, residual) if linked::DEPTHWISE => {
                self.kernel(op.check(&x.spec(), spec(&residual).as_ref(), &y))?;
            }
            Resolved::Dense(op, x, residual) if linked::DENSE => {
                self.kernel(op.check(&x.spec(), spec(&residual).as_ref(), &y))?;
            }
            Resolved::MaxPool(op, x) if linked::MAX_POOL => self.kernel(op.check(&x.spec(), &y))?,
            Resolved::AveragePool(op, x) if linked::AVERAGE_POOL => self.kernel(op.check(&x.spec(), &y))?,
            Resolved::Add(op, a, b) if linked::ADD => self.kernel(op.check(&a.spec(), &b.spec(), &y))?,
            Resolved::Rescale(op, x) if linked::RESCALE => self.kernel(op.check(&x.spec(), &y))?,
            Resolved::Table(op, x) if linked::TABLE => self.kernel(op.check(&x.spec(), &y))?,
            Resolved::Concat(parts, shift, clamp) if linked::CONCAT => {
                let mut first = 0u16;
                for part in parts {
                    let op = concat_part(part, first, shift, clamp);
                    self.kernel(op.check(&part.operand.spec(), &y))?;
                    let [_, _, channels] = part.operand.dims;
                    first = first.saturating_add(channels);
                }
                if first != y.dims.c {
                    return self.kernel(Err(KernelError::InvalidShape));
                }
            }
            Resolved::Window(op, x) if linked::WINDOW => self.kernel(op.check(&x.spec(), &y))?,
            _ => return Err(invalid),
        }
        self.memory(layout)
    }

    fn kernel(&self, result: Result<(), KernelError>) -> Result<(), LoadError> {
        result.map_err(|error| LoadError::InvalidStep { step: self.index, error })
    }

    fn extent(&self, operand: &Operand) -> Result<(u32, u32), LoadError> {
        extent(operand, self.arena).ok_or(LoadError::InvalidOffset { step: self.index })
    }

    /// Checks where the tensors and the scratch lie.
    fn memory(&self, layout: Layout) -> Result<(), LoadError> {
        let Step { op, output, .. } = self.step;
        let overlaps = memory(op, output, layout, None).overlaps;
        let mut rules = overlaps.into_iter().chain(iter::repeat(Overlap::NEVER));
        let result = self.extent(output)?;
        let mut first = None;
        for (index, operand) in op.operands().enumerate() {
            let rule = rules.next().unwrap_or(Overlap::NEVER);
            if !overlap_bytes(self.extent(operand)?, result) {
                continue;
            }
            // Both lie in the arena, which is smaller than two gibibytes.
            let distance = output.offset as i32 - operand.offset as i32;
            if !rule.allows(distance) {
                return Err(LoadError::InvalidOverlap { step: self.index });
            }
            if index == 0 {
                first = Some(distance);
            }
        }
        self.scratch(memory(op, output, layout, first).scratch)
    }

    /// Checks the scratch: exactly `need` bytes, apart from the result and the operands.
    fn scratch(&self, need: usize) -> Result<(), LoadError> {
        let Step { op, output, scratch: region } = self.step;
        let invalid = KernelError::InvalidScratch { need: need as u32, have: region.bytes };
        if region.bytes as usize != need {
            return self.kernel(Err(invalid));
        }
        let scratch = range(*region, self.arena).ok_or(LoadError::InvalidOffset { step: self.index })?;
        for operand in op.operands().chain([output]) {
            if overlap_bytes(scratch, self.extent(operand)?) {
                return Err(LoadError::InvalidOverlap { step: self.index });
            }
        }
        Ok(())
    }
}

fn spec(operand: &Option<Operand>) -> Option<TensorSpec> {
    operand.as_ref().map(Operand::spec)
}
