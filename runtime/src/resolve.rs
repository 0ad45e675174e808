//! From a decoded step to the operator of `kernels::op` with its constants.

use kernels::op::{
    Accumulate, Add, AveragePool, Concat, Conv2d, Dense, Depthwise, Geometry, MaxPool, Overlap, PoolGeometry,
    Rescale, Table, Window, elementwise,
};

use crate::format::{AccumulateRef, ClampRef, Layout, Op, Operand, Part, PoolRef, Region, Taps};
use crate::linked;

/// The CONST section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constants<'m>(pub(crate) &'m [u8]);

impl<'m> Constants<'m> {
    pub(crate) fn bytes(&self, region: Region) -> Option<&'m [u8]> {
        let start = region.offset as usize;
        self.0.get(start..start.checked_add(region.bytes as usize)?)
    }

    pub(crate) fn words(&self, offset: u32, entries: u16) -> Option<&'m [i32]> {
        let bytes = self.bytes(Region { offset, bytes: u32::from(entries) * 4 })?;
        bytemuck::try_cast_slice(bytes).ok()
    }
}

/// An operator of `kernels::op` with what it reads: the main operand, then the second one or a residual.
#[expect(missing_docs, reason = "each variant is the operator of kernels::op of its name")]
pub enum Resolved<'m, 's> {
    Conv2d(Conv2d<'m>, Operand, Option<Operand>),
    Depthwise(Depthwise<'m>, Operand, Option<Operand>),
    Dense(Dense<'m>, Operand, Option<Operand>),
    MaxPool(MaxPool, Operand),
    AveragePool(AveragePool<'m>, Operand),
    Add(Add, Operand, Operand),
    Rescale(Rescale<'m>, Operand),
    Table(Table<'m>, Operand),
    Concat(&'s [Part], u8, ClampRef),
    Window(Window, Operand),
}

/// The operator of a step; `None` when its constants lie outside CONST, or when it is not linked.
#[inline(always)]
pub(crate) fn resolve<'m, 's>(
    op: &'s Op,
    output: &Operand,
    constants: Constants<'m>,
    layout: Layout,
) -> Option<Resolved<'m, 's>> {
    let [_, _, channels] = output.dims;
    let accumulate = |r: &AccumulateRef| accumulate(r, channels, constants, layout);
    let residual = |r: &AccumulateRef| r.residual.filter(|_| linked::RESIDUAL).map(|r| r.operand);
    Some(match op {
        Op::Conv2d { x, taps, groups, group_inputs, group_outputs, accumulate: r } if linked::CONV2D => {
            let op = Conv2d {
                geometry: geometry(taps),
                groups: *groups,
                group_inputs: *group_inputs,
                group_outputs: *group_outputs,
                accumulate: accumulate(r)?,
            };
            Resolved::Conv2d(op, *x, residual(r))
        }
        Op::Depthwise { x, taps, accumulate: r } if linked::DEPTHWISE => {
            let op = Depthwise { geometry: geometry(taps), accumulate: accumulate(r)? };
            Resolved::Depthwise(op, *x, residual(r))
        }
        Op::Dense { x, accumulate: r } if linked::DENSE => {
            Resolved::Dense(Dense { accumulate: accumulate(r)? }, *x, residual(r))
        }
        Op::MaxPool { x, pool, clamp } if linked::MAX_POOL => {
            Resolved::MaxPool(MaxPool { geometry: windows(pool), clamp: (*clamp).into() }, *x)
        }
        Op::AveragePool { x, pool, entries, multipliers, offsets, shift, clamp } if linked::AVERAGE_POOL => {
            let op = AveragePool {
                geometry: windows(pool),
                multipliers: constants.words(*multipliers, *entries)?,
                offsets: constants.words(*offsets, *entries)?,
                shift: *shift,
                clamp: (*clamp).into(),
            };
            Resolved::AveragePool(op, *x)
        }
        Op::Add { a, b, a_multiplier, b_multiplier, offset, shift, clamp } if linked::ADD => {
            let op = Add {
                a_multiplier: *a_multiplier,
                b_multiplier: *b_multiplier,
                offset: *offset,
                shift: *shift,
                clamp: (*clamp).into(),
            };
            Resolved::Add(op, *a, *b)
        }
        Op::Rescale { x, entries, multipliers, offsets, shift, clamp } if linked::RESCALE => {
            let op = Rescale {
                multipliers: constants.words(*multipliers, *entries)?,
                offsets: constants.words(*offsets, *entries)?,
                shift: *shift,
                clamp: (*clamp).into(),
            };
            Resolved::Rescale(op, *x)
        }
        Op::Table { x, entries } if linked::TABLE => {
            Resolved::Table(Table { entries: constants.bytes(*entries)? }, *x)
        }
        Op::Concat { parts, shift, clamp } if linked::CONCAT => Resolved::Concat(parts, *shift, *clamp),
        Op::Window { x, offset, stride, fill } if linked::WINDOW => {
            Resolved::Window(Window { offset: *offset, stride: *stride, fill: *fill }, *x)
        }
        _ => return None,
    })
}

/// Part of a concatenation that starts at channel `first` of the result.
pub fn concat_part(part: &Part, first: u16, shift: u8, clamp: ClampRef) -> Concat {
    Concat { first, multiplier: part.multiplier, offset: part.offset, shift, clamp: clamp.into() }
}

/// What a step asks of memory. Constants do not matter but for their packing, so a planner can ask before there
/// are any.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Where the result may lie over the first and the second operand; over further ones it never may.
    pub(crate) overlaps: [Overlap; 2],
    /// Bytes of scratch.
    pub(crate) scratch: usize,
}

/// The memory of a step whose result starts `distance` bytes behind its first operand, or lies apart from it.
pub(crate) fn memory(op: &Op, output: &Operand, layout: Layout, distance: Option<i32>) -> Memory {
    let y = output.spec();
    let weight_bits = op.accumulate().map_or(Accumulate::NONE.weight_bits, |r| r.width.into());
    let accumulate = Accumulate { layout: layout.into(), weight_bits, ..Accumulate::NONE };
    let residual = op.accumulate().and_then(|r| r.residual).filter(|_| linked::RESIDUAL);
    let residual = residual.map(|r| r.operand.spec());
    let residual = residual.as_ref();
    let (first, second, scratch) = match op {
        Op::Conv2d { x, taps, groups, group_inputs, group_outputs, .. } if linked::CONV2D => {
            let op = Conv2d {
                geometry: geometry(taps),
                groups: *groups,
                group_inputs: *group_inputs,
                group_outputs: *group_outputs,
                accumulate,
            };
            let x = x.spec();
            (
                op.over_input(&x, &y),
                residual.map_or(Overlap::NEVER, |r| op.over_residual(&x, r, &y)),
                op.scratch_bytes(),
            )
        }
        Op::Depthwise { x, taps, .. } if linked::DEPTHWISE => {
            let op = Depthwise { geometry: geometry(taps), accumulate };
            let x = x.spec();
            let scratch = op.scratch_bytes(&x, &y, distance);
            (op.over_input(&x, &y), residual.map_or(Overlap::NEVER, |r| op.over_residual(r, &y)), scratch)
        }
        Op::Dense { x, .. } if linked::DENSE => {
            let op = Dense { accumulate };
            (
                Overlap::NEVER,
                residual.map_or(Overlap::NEVER, |r| op.over_residual(r, &y)),
                op.scratch_bytes(&x.spec()),
            )
        }
        Op::MaxPool { x, pool, .. } | Op::AveragePool { x, pool, .. }
            if linked::MAX_POOL || linked::AVERAGE_POOL =>
        {
            (windows(pool).over_input(&x.spec(), &y), Overlap::NEVER, 0)
        }
        Op::Add { a, b, .. } if linked::ADD => (elementwise(&a.spec(), &y), elementwise(&b.spec(), &y), 0),
        Op::Rescale { x, .. } | Op::Table { x, .. } if linked::RESCALE || linked::TABLE => {
            (elementwise(&x.spec(), &y), Overlap::NEVER, 0)
        }
        _ => (Overlap::NEVER, Overlap::NEVER, 0),
    };
    Memory { overlaps: [first, second], scratch }
}

fn accumulate<'m>(
    r: &AccumulateRef,
    channels: u16,
    constants: Constants<'m>,
    layout: Layout,
) -> Option<Accumulate<'m>> {
    Some(Accumulate {
        weights: constants.bytes(r.weights)?,
        layout: layout.into(),
        weight_bits: r.width.into(),
        bias: constants.words(r.bias, channels)?,
        multipliers: constants.words(r.multipliers, channels)?,
        shift: r.shift,
        clamp: r.clamp.into(),
        residual_multiplier: r.residual.map_or(0, |r| r.multiplier),
    })
}

fn geometry(taps: &Taps) -> Geometry {
    Geometry { kernel: taps.kernel, stride: taps.stride, dilation: taps.dilation, pad: taps.pad }
}

fn windows(pool: &PoolRef) -> PoolGeometry {
    PoolGeometry { kernel: pool.kernel, stride: pool.stride, pad: pool.pad }
}
