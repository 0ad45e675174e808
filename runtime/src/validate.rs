//! Every check between the bytes of a graph and a model that runs. It is total: each step's constants lie in
//! CONST, its tensors in the arena, its kernel accepts it, and tensors overlap only where the operator
//! allows it (result at the operand's first byte, see `kernels::op`).

use kernels::{KernelError, TensorSpec, op};

use crate::LoadError;
use crate::format::{Interface, Layout, Op, Operand, Region, Step};
use crate::model::next_step;
use crate::resolve::{Constants, Resolved, concat_part, memory, resolve};

/// Whether the result of a step may be written over its main operand, first byte on first byte.
pub fn in_place(op: &Op, output: &Operand) -> bool {
    memory(op, output, true, Layout::Rows).0
}

/// Bytes of scratch that a step needs, with its result over its main operand or apart.
pub fn scratch_bytes(op: &Op, output: &Operand, in_place: bool, layout: Layout) -> usize {
    memory(op, output, in_place, layout).1
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
        let step = next_step(&mut rest).map_err(|_| LoadError::InvalidGraph { step: index })?;
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

fn overlap(a: (u32, u32), b: (u32, u32)) -> bool {
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
        match resolved {
            Resolved::Conv2d(op, x, residual) => {
                self.kernel(op.check(&x.spec(), spec(&residual).as_ref(), &y))?;
                self.input(&x, op.in_place(&x.spec(), &y))?;
                self.residual(&residual)?;
                self.scratch(op.scratch_bytes(), &[Some(x), residual])
            }
            Resolved::Depthwise(op, x, residual) => {
                self.kernel(op.check(&x.spec(), spec(&residual).as_ref(), &y))?;
                let over = self.input(&x, op.in_place(&x.spec(), &y))?;
                self.residual(&residual)?;
                self.scratch(op.scratch_bytes(&x.spec(), &y, over), &[Some(x), residual])
            }
            Resolved::Dense(op, x, residual) => {
                self.kernel(op.check(&x.spec(), spec(&residual).as_ref(), &y))?;
                self.input(&x, false)?;
                self.residual(&residual)?;
                self.scratch(op.scratch_bytes(&x.spec()), &[Some(x), residual])
            }
            Resolved::MaxPool(op, x) => {
                self.kernel(op.check(&x.spec(), &y))?;
                self.input(&x, op.geometry.in_place(&x.spec(), &y))?;
                self.scratch(0, &[])
            }
            Resolved::AveragePool(op, x) => {
                self.kernel(op.check(&x.spec(), &y))?;
                self.input(&x, op.geometry.in_place(&x.spec(), &y))?;
                self.scratch(0, &[])
            }
            Resolved::Add(op, a, b) => {
                self.kernel(op.check(&a.spec(), &b.spec(), &y))?;
                self.input(&a, op::elementwise_in_place(&a.spec(), &y))?;
                self.input(&b, op::elementwise_in_place(&b.spec(), &y))?;
                self.scratch(0, &[])
            }
            Resolved::Rescale(op, x) => {
                self.kernel(op.check(&x.spec(), &y))?;
                self.input(&x, op::elementwise_in_place(&x.spec(), &y))?;
                self.scratch(0, &[])
            }
            Resolved::Table(op, x) => {
                self.kernel(op.check(&x.spec(), &y))?;
                self.input(&x, op::elementwise_in_place(&x.spec(), &y))?;
                self.scratch(0, &[])
            }
            Resolved::Concat(parts, shift, clamp) => {
                let mut first = 0u16;
                for part in parts {
                    let op = concat_part(part, first, shift, clamp);
                    self.kernel(op.check(&part.operand.spec(), &y))?;
                    self.input(&part.operand, false)?;
                    let [_, _, channels] = part.operand.dims;
                    first = first.saturating_add(channels);
                }
                if first != y.dims.c {
                    return self.kernel(Err(KernelError::InvalidShape));
                }
                self.scratch(0, &[])
            }
            Resolved::Window(op, x) => {
                self.kernel(op.check(&x.spec(), &y))?;
                self.input(&x, false)?;
                self.scratch(0, &[])
            }
        }
    }

    fn kernel(&self, result: Result<(), KernelError>) -> Result<(), LoadError> {
        result.map_err(|error| LoadError::InvalidStep { step: self.index, error })
    }

    fn extent(&self, operand: &Operand) -> Result<(u32, u32), LoadError> {
        extent(operand, self.arena).ok_or(LoadError::InvalidOffset { step: self.index })
    }

    /// Checks an operand against the result; says whether they overlap.
    fn input(&self, operand: &Operand, in_place: bool) -> Result<bool, LoadError> {
        let output = &self.step.output;
        if !overlap(self.extent(operand)?, self.extent(output)?) {
            return Ok(false);
        }
        if in_place && operand.offset == output.offset {
            return Ok(true);
        }
        Err(LoadError::InvalidOverlap { step: self.index })
    }

    fn residual(&self, residual: &Option<Operand>) -> Result<(), LoadError> {
        let Some(residual) = residual else { return Ok(()) };
        let in_place = op::elementwise_in_place(&residual.spec(), &self.step.output.spec());
        self.input(residual, in_place).map(|_| ())
    }

    /// Checks the scratch: exactly `need` bytes, apart from the result and the operands.
    fn scratch(&self, need: usize, operands: &[Option<Operand>]) -> Result<(), LoadError> {
        let region = self.step.scratch;
        let invalid = KernelError::InvalidScratch { need: need as u32, have: region.bytes };
        if region.bytes as usize != need {
            return self.kernel(Err(invalid));
        }
        let scratch = range(region, self.arena).ok_or(LoadError::InvalidOffset { step: self.index })?;
        for operand in operands.iter().flatten().chain([&self.step.output]) {
            if overlap(scratch, self.extent(operand)?) {
                return Err(LoadError::InvalidOverlap { step: self.index });
            }
        }
        Ok(())
    }
}

fn spec(operand: &Option<Operand>) -> Option<TensorSpec> {
    operand.as_ref().map(Operand::spec)
}
