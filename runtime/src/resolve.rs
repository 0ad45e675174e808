//! From a decoded step to the operator of `kernels::op` with its constants.

use kernels::op::{
    Accumulate, Add, AveragePool, Concat, Conv2d, Dense, Depthwise, Geometry, MaxPool, PoolGeometry, Rescale,
    Table, Window,
};

use crate::format::{AccumulateRef, ClampRef, Layout, Op, Operand, Part, PoolRef, Region, Taps};
use crate::linked;

/// Where constants are looked up.
pub(crate) trait Lookup<'m>: Copy {
    /// Bytes; `None` outside.
    fn bytes(self, region: Region) -> Option<&'m [u8]>;
    /// `entries` words from the byte `offset` on; `None` outside.
    fn words(self, offset: u32, entries: u16) -> Option<&'m [i32]>;
}

/// The CONST section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constants<'m>(pub(crate) &'m [u8]);

impl<'m> Lookup<'m> for Constants<'m> {
    fn bytes(self, region: Region) -> Option<&'m [u8]> {
        let start = region.offset as usize;
        self.0.get(start..start.checked_add(region.bytes as usize)?)
    }

    fn words(self, offset: u32, entries: u16) -> Option<&'m [i32]> {
        let bytes = self.bytes(Region { offset, bytes: u32::from(entries) * 4 })?;
        bytemuck::try_cast_slice(bytes).ok()
    }
}

/// No constants yet: operators that only answer what they ask of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

impl Lookup<'static> for Unknown {
    fn bytes(self, _: Region) -> Option<&'static [u8]> {
        Some(&[])
    }

    fn words(self, _: u32, _: u16) -> Option<&'static [i32]> {
        Some(&[])
    }
}

/// What is done with the operator of a step, and with what it reads: the main operand, then the second one or a
/// residual. A method for each, because an operator that is returned is moved.
pub(crate) trait Act<'m, 's> {
    type Done;
    fn conv2d(&self, op: &Conv2d<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done;
    fn depthwise(&self, op: &Depthwise<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done;
    fn dense(&self, op: &Dense<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done;
    fn max_pool(&self, op: &MaxPool, x: &'s Operand) -> Self::Done;
    fn average_pool(&self, op: &AveragePool<'m>, x: &'s Operand) -> Self::Done;
    fn add(&self, op: &Add, a: &'s Operand, b: &'s Operand) -> Self::Done;
    fn rescale(&self, op: &Rescale<'m>, x: &'s Operand) -> Self::Done;
    fn table(&self, op: &Table<'m>, x: &'s Operand) -> Self::Done;
    fn concat(&self, parts: &'s [Part], shift: u8, clamp: ClampRef) -> Self::Done;
    fn window(&self, op: &Window, x: &'s Operand) -> Self::Done;
}

/// Does something with the operator of a step; `None` when its constants lie outside CONST, or when it is not linked.
#[inline(always)]
pub(crate) fn resolve<'m, 's, A: Act<'m, 's>>(
    op: &'s Op,
    output: &Operand,
    constants: impl Lookup<'m>,
    layout: Layout,
    act: &A,
) -> Option<A::Done> {
    let [_, _, channels] = output.dims;
    let accumulate = |r: &AccumulateRef| accumulate(r, channels, constants, layout);
    let residual =
        |r: &'s AccumulateRef| r.residual.as_ref().filter(|_| linked::RESIDUAL).map(|r| &r.operand);
    Some(match op {
        Op::Conv2d { x, taps, groups, group_inputs, group_outputs, accumulate: r } if linked::CONV2D => {
            let op = Conv2d {
                geometry: geometry(taps),
                groups: *groups,
                group_inputs: *group_inputs,
                group_outputs: *group_outputs,
                accumulate: accumulate(r)?,
            };
            act.conv2d(&op, x, residual(r))
        }
        Op::Depthwise { x, taps, accumulate: r } if linked::DEPTHWISE => {
            let op = Depthwise { geometry: geometry(taps), accumulate: accumulate(r)? };
            act.depthwise(&op, x, residual(r))
        }
        Op::Dense { x, accumulate: r } if linked::DENSE => {
            act.dense(&Dense { accumulate: accumulate(r)? }, x, residual(r))
        }
        Op::MaxPool { x, pool, clamp } if linked::MAX_POOL => {
            act.max_pool(&MaxPool { geometry: windows(pool), clamp: (*clamp).into() }, x)
        }
        Op::AveragePool { x, pool, entries, multipliers, offsets, shift, clamp } if linked::AVERAGE_POOL => {
            let op = AveragePool {
                geometry: windows(pool),
                multipliers: constants.words(*multipliers, *entries)?,
                offsets: constants.words(*offsets, *entries)?,
                shift: *shift,
                clamp: (*clamp).into(),
            };
            act.average_pool(&op, x)
        }
        Op::Add { a, b, a_multiplier, b_multiplier, offset, shift, clamp } if linked::ADD => {
            let op = Add {
                a_multiplier: *a_multiplier,
                b_multiplier: *b_multiplier,
                offset: *offset,
                shift: *shift,
                clamp: (*clamp).into(),
            };
            act.add(&op, a, b)
        }
        Op::Rescale { x, entries, multipliers, offsets, shift, clamp } if linked::RESCALE => {
            let op = Rescale {
                multipliers: constants.words(*multipliers, *entries)?,
                offsets: constants.words(*offsets, *entries)?,
                shift: *shift,
                clamp: (*clamp).into(),
            };
            act.rescale(&op, x)
        }
        Op::Table { x, entries } if linked::TABLE => {
            act.table(&Table { entries: constants.bytes(*entries)? }, x)
        }
        Op::Concat { parts, shift, clamp } if linked::CONCAT => act.concat(parts, *shift, *clamp),
        Op::Window { x, offset, stride, fill } if linked::WINDOW => {
            act.window(&Window { offset: *offset, stride: *stride, fill: *fill }, x)
        }
        _ => return None,
    })
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

/// Gives the operator back, for other backends.
pub(crate) struct Return;

impl<'m, 's> Act<'m, 's> for Return {
    type Done = Resolved<'m, 's>;

    fn conv2d(&self, op: &Conv2d<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done {
        Resolved::Conv2d(*op, *x, residual.copied())
    }

    fn depthwise(&self, op: &Depthwise<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done {
        Resolved::Depthwise(*op, *x, residual.copied())
    }

    fn dense(&self, op: &Dense<'m>, x: &'s Operand, residual: Option<&'s Operand>) -> Self::Done {
        Resolved::Dense(*op, *x, residual.copied())
    }

    fn max_pool(&self, op: &MaxPool, x: &'s Operand) -> Self::Done {
        Resolved::MaxPool(*op, *x)
    }

    fn average_pool(&self, op: &AveragePool<'m>, x: &'s Operand) -> Self::Done {
        Resolved::AveragePool(*op, *x)
    }

    fn add(&self, op: &Add, a: &'s Operand, b: &'s Operand) -> Self::Done {
        Resolved::Add(*op, *a, *b)
    }

    fn rescale(&self, op: &Rescale<'m>, x: &'s Operand) -> Self::Done {
        Resolved::Rescale(*op, *x)
    }

    fn table(&self, op: &Table<'m>, x: &'s Operand) -> Self::Done {
        Resolved::Table(*op, *x)
    }

    fn concat(&self, parts: &'s [Part], shift: u8, clamp: ClampRef) -> Self::Done {
        Resolved::Concat(parts, shift, clamp)
    }

    fn window(&self, op: &Window, x: &'s Operand) -> Self::Done {
        Resolved::Window(*op, *x)
    }
}

/// Part of a concatenation that starts at channel `first` of the result.
pub fn concat_part(part: &Part, first: u16, shift: u8, clamp: ClampRef) -> Concat {
    Concat { first, multiplier: part.multiplier, offset: part.offset, shift, clamp: clamp.into() }
}

/// Weights and requantisation, made where they are to lie: what is returned is moved.
#[inline(always)]
fn accumulate<'m>(
    r: &AccumulateRef,
    channels: u16,
    constants: impl Lookup<'m>,
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
