//! What a step asks of memory: where its result may lie, and scratch.

use kernels::TensorSpec;
use kernels::op::{
    Add, AveragePool, Conv2d, Dense, Depthwise, MaxPool, Overlap, PoolGeometry, Rescale, Table, Window,
    elementwise,
};

use crate::format::{ClampRef, Operand, Part};
use crate::resolve::Act;

/// What a step asks of memory. Constants do not matter but for their packing, so a planner can ask before there
/// are any.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Where the result may lie over the first and the second operand; over further ones it never may.
    pub(crate) overlaps: [Overlap; 2],
    /// Bytes of scratch.
    pub(crate) scratch: usize,
}

impl Memory {
    /// No operand may be written over, and no scratch.
    pub(crate) const NONE: Self = Self::over(Overlap::NEVER);

    const fn over(first: Overlap) -> Self {
        Self { overlaps: [first, Overlap::NEVER], scratch: 0 }
    }
}

/// Asks for the memory of a step whose result starts `distance` bytes behind its first operand, or lies apart from it.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) y: TensorSpec,
    pub(crate) distance: Option<i32>,
}

impl Ask {
    fn over_residual(residual: Option<&Operand>, rule: impl FnOnce(&TensorSpec) -> Overlap) -> Overlap {
        residual.map_or(Overlap::NEVER, |residual| rule(&residual.spec()))
    }

    fn windows(&self, geometry: &PoolGeometry, x: &Operand) -> Memory {
        Memory::over(geometry.over_input(&x.spec(), &self.y))
    }

    fn elements(&self, x: &Operand) -> Memory {
        Memory::over(elementwise(&x.spec(), &self.y))
    }
}

impl<'m, 's> Act<'m, 's> for Ask {
    type Done = Memory;

    fn conv2d(&self, op: &Conv2d<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Memory {
        let (x, y) = (x.spec(), self.y);
        let second = Self::over_residual(residual, |r| op.over_residual(&x, r, &y));
        Memory { overlaps: [op.over_input(&x, &y), second], scratch: op.scratch_bytes() }
    }

    fn depthwise(&self, op: &Depthwise<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Memory {
        let (x, y) = (x.spec(), self.y);
        let second = Self::over_residual(residual, |r| op.over_residual(r, &y));
        let scratch = op.scratch_bytes(&x, &y, self.distance);
        Memory { overlaps: [op.over_input(&x, &y), second], scratch }
    }

    fn dense(&self, op: &Dense<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Memory {
        let second = Self::over_residual(residual, |r| op.over_residual(r, &self.y));
        Memory { overlaps: [Overlap::NEVER, second], scratch: op.scratch_bytes(&x.spec()) }
    }

    fn max_pool(&self, op: &MaxPool, x: &'s Operand) -> Memory {
        self.windows(&op.geometry, x)
    }

    fn average_pool(&self, op: &AveragePool<'m>, x: &'s Operand) -> Memory {
        self.windows(&op.geometry, x)
    }

    fn add(&self, _: &Add, a: &'s Operand, b: &'s Operand) -> Memory {
        Memory { overlaps: [a, b].map(|x| elementwise(&x.spec(), &self.y)), scratch: 0 }
    }

    fn rescale(&self, _: &Rescale<'m>, x: &'s Operand) -> Memory {
        self.elements(x)
    }

    fn table(&self, _: &Table<'m>, x: &'s Operand) -> Memory {
        self.elements(x)
    }

    fn concat(&self, _: &'s [Part], _: u8, _: ClampRef) -> Memory {
        Memory::NONE
    }

    fn window(&self, _: &Window, _: &'s Operand) -> Memory {
        Memory::NONE
    }
}
