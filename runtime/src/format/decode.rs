//! Reads GRAPH: postcard's wire format without serde, whose generic code would be the largest piece of a product.
//! A device reads a step in every inference: its numbers have fixed sizes, so that one test of the length and a
//! load for each field do.
//!
//! A reader that ran into a mistake goes on with zeros and says so at the end: one test instead of one for
//! each field. Numbers of tags and parts are one byte; a longer varint of the same value is a mistake.

use heapless::Vec;

use super::graph::{
    AccumulateRef, ActivationType, ClampRef, Interface, Layout, Op, Operand, Part, PoolRef, Region,
    ResidualRef, Scale, Step, Taps, WeightWidth,
};
use crate::linked;

/// Why bytes are no interface and no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// They end too early, or a number or tag is out of range.
    Invalid,
    /// A step of this operator, which is not linked.
    Unlinked(u8),
}

/// The interface at the start of GRAPH, and what lies behind it.
pub(crate) fn interface(graph: &[u8]) -> Result<(Interface, &[u8]), DecodeError> {
    let mut reader = Reader::new(graph);
    let interface = reader.next();
    reader.end().map(|rest| (interface, rest))
}

/// Reads the step at the start of `rest` over `step`, and moves behind it.
pub(crate) fn step(rest: &mut &[u8], step: &mut Step) -> Result<(), DecodeError> {
    let Some((&tag, behind)) = rest.split_first() else { return Err(DecodeError::Invalid) };
    let mut reader = Reader::new(behind);
    match tag {
        0 if linked::CONV2D => conv2d(&mut reader, &mut step.op),
        1 if linked::DEPTHWISE => depthwise(&mut reader, &mut step.op),
        2 if linked::DENSE => dense(&mut reader, &mut step.op),
        3 if linked::MAX_POOL => max_pool(&mut reader, &mut step.op),
        4 if linked::AVERAGE_POOL => average_pool(&mut reader, &mut step.op),
        5 if linked::ADD => add(&mut reader, &mut step.op),
        6 if linked::RESCALE => rescale(&mut reader, &mut step.op),
        7 if linked::TABLE => table(&mut reader, &mut step.op),
        8 if linked::CONCAT => concat(&mut reader, &mut step.op),
        9 if linked::WINDOW => window(&mut reader, &mut step.op),
        _ if usize::from(tag) < linked::OPERATORS.len() => return Err(DecodeError::Unlinked(tag)),
        _ => return Err(DecodeError::Invalid),
    }
    if reader.residual
        && let Some(accumulate) = step.op.accumulate_mut()
    {
        accumulate.residual = Some(reader.next());
    }
    let Place { output, scratch } = reader.next();
    step.output = output;
    step.scratch = scratch;
    *rest = reader.end()?;
    Ok(())
}

/// What every operator is followed by.
struct Place {
    output: Operand,
    scratch: Region,
}

/// Operators, each written over the last step's where it lies.
macro_rules! operators {
    ($($name:ident: $variant:ident { $($field:ident: $type:ty),* })*) => {
        $(#[inline(always)]
        fn $name(reader: &mut Reader, op: &mut Op) {
            reader.open(0 $(+ <$type>::BYTES)*);
            *op = Op::$variant { $($field: <$type>::read(reader)),* };
        })*
    };
}

operators! {
    conv2d: Conv2d {
        x: Operand, taps: Taps, groups: u16, group_inputs: u16, group_outputs: u16, accumulate: AccumulateRef
    }
    depthwise: Depthwise { x: Operand, taps: Taps, accumulate: AccumulateRef }
    dense: Dense { x: Operand, accumulate: AccumulateRef }
    max_pool: MaxPool { x: Operand, pool: PoolRef, clamp: ClampRef }
    average_pool: AveragePool {
        x: Operand, pool: PoolRef, entries: u16, multipliers: u32, offsets: u32, shift: u8, clamp: ClampRef
    }
    add: Add {
        a: Operand, b: Operand, a_multiplier: i16, b_multiplier: i16, offset: i32, shift: u8, clamp: ClampRef
    }
    rescale: Rescale { x: Operand, entries: u16, multipliers: u32, offsets: u32, shift: u8, clamp: ClampRef }
    table: Table { x: Operand, entries: Region }
    window: Window { x: Operand, offset: [i16; 3], stride: [u8; 2], fill: i16 }
}

/// The one operator whose length changes.
#[inline(never)]
fn concat(reader: &mut Reader, op: &mut Op) {
    let mut parts = Vec::new();
    for _ in 0..reader.next::<u8>() {
        if parts.push(reader.next()).is_err() {
            reader.failed = true;
            break;
        }
    }
    let Finish { shift, clamp } = reader.next();
    *op = Op::Concat { parts, shift, clamp };
}

/// What the parts of a concatenation are followed by.
struct Finish {
    shift: u8,
    clamp: ClampRef,
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    /// What fields are read from.
    fields: &'a [u8],
    /// What was not opened yet.
    rest: &'a [u8],
    failed: bool,
    /// A residual follows the opened fields.
    residual: bool,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { fields: &[], rest, failed: false, residual: false }
    }

    fn end(self) -> Result<&'a [u8], DecodeError> {
        if self.failed { Err(DecodeError::Invalid) } else { Ok(self.rest) }
    }

    /// Takes the next `bytes` for fields, so that their loads need no test.
    #[inline(always)]
    fn open(&mut self, bytes: usize) {
        static ZEROS: [u8; 96] = [0; 96];
        if let Some((fields, rest)) = self.rest.split_at_checked(bytes) {
            (self.fields, self.rest) = (fields, rest);
        } else {
            self.fields = ZEROS.get(..bytes).unwrap_or(&[]);
            self.failed = true;
        }
    }

    #[inline(always)]
    fn next<T: Read>(&mut self) -> T {
        self.open(T::BYTES);
        T::read(self)
    }

    #[inline(always)]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((bytes, fields)) = self.fields.split_first_chunk() else {
            self.failed = true;
            return [0; N];
        };
        self.fields = fields;
        *bytes
    }
}

/// What can be read from opened fields.
trait Read {
    const BYTES: usize;
    fn read(reader: &mut Reader) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Read for $number {
            const BYTES: usize = size_of::<Self>();

            #[inline(always)]
            fn read(reader: &mut Reader) -> Self {
                Self::from_le_bytes(reader.take())
            }
        })*
    };
}

numbers!(u8, i8, u16, i16, u32, i32);

/// Without a loop, which would hide where in the fields each number lies.
macro_rules! arrays {
    ($($count:literal: $($read:ident)*;)*) => {
        $(impl<T: Read> Read for [T; $count] {
            const BYTES: usize = $count * T::BYTES;

            #[inline(always)]
            fn read(reader: &mut Reader) -> Self {
                [$(T::$read(reader)),*]
            }
        })*
    };
}

arrays! {
    2: read read;
    3: read read read;
}

/// The tag alone: the value is behind the operator's last field, and is read into its place afterwards.
impl Read for Option<ResidualRef> {
    const BYTES: usize = 1;

    #[inline(always)]
    fn read(reader: &mut Reader) -> Self {
        let tag = u8::read(reader);
        reader.residual = tag == 1;
        reader.failed |= tag > 1;
        None
    }
}

/// Enums of one-byte tags.
macro_rules! tags {
    ($($name:ident { $first:ident = 0 $(, $variant:ident = $tag:literal)* })*) => {
        $(impl Read for $name {
            const BYTES: usize = 1;

            #[inline(always)]
            fn read(reader: &mut Reader) -> Self {
                match u8::read(reader) {
                    0 => Self::$first,
                    $($tag => Self::$variant,)*
                    _ => {
                        reader.failed = true;
                        Self::$first
                    }
                }
            }
        })*
    };
}

tags! {
    Layout { Rows = 0, Dsp = 1, Mve = 2, Words = 3 }
    ActivationType { U4 = 0, I8 = 1, I16 = 2 }
    WeightWidth { W2 = 0, W4 = 1, W8 = 2 }
}

/// Structs, field after field.
macro_rules! read {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {
        $(impl Read for $name {
            const BYTES: usize = 0 $(+ <$type>::BYTES)*;

            #[inline(always)]
            fn read(reader: &mut Reader) -> Self {
                Self { $($field: <$type>::read(reader)),* }
            }
        })*
    };
}

read! {
    Operand { offset: u32, dims: [u16; 3], dtype: ActivationType, zero: i16 }
    Region { offset: u32, bytes: u32 }
    Scale { mantissa: u32, shift: i8 }
    Interface {
        layout: Layout, arena_bytes: u32, steps: u16, input: Operand, input_scale: Scale,
        input_inverse: Scale, output: Operand, output_scale: Scale
    }
    ClampRef { lo: i16, hi: i16 }
    Taps { kernel: [u8; 2], stride: [u8; 2], dilation: [u8; 2], pad: [u8; 2] }
    PoolRef { kernel: [u8; 2], stride: [u8; 2], pad: [u8; 2] }
    ResidualRef { operand: Operand, multiplier: i32 }
    AccumulateRef {
        weights: Region, width: WeightWidth, bias: u32, multipliers: u32, shift: u8, clamp: ClampRef,
        residual: Option<ResidualRef>
    }
    Part { operand: Operand, multiplier: i32, offset: i32 }
    Place { output: Operand, scratch: Region }
    Finish { shift: u8, clamp: ClampRef }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    /// Numbers of every length that the wire format has, the largest of their types with them.
    const OPERAND: Operand =
        Operand { offset: u32::MAX, dims: [1, 300, u16::MAX], dtype: ActivationType::I16, zero: i16::MIN };
    const SMALL: Operand =
        Operand { offset: 128, dims: [127, 128, 16_384], dtype: ActivationType::U4, zero: 15 };
    const REGION: Region = Region { offset: 1 << 21, bytes: (1 << 28) - 1 };
    const CLAMP: ClampRef = ClampRef { lo: -128, hi: i16::MAX };
    const TAPS: Taps = Taps { kernel: [3, 255], stride: [1, 128], dilation: [1, 2], pad: [0, 200] };
    const POOL: PoolRef = PoolRef { kernel: [2, 255], stride: [128, 1], pad: [0, 1] };

    fn accumulate(width: WeightWidth, residual: Option<ResidualRef>) -> AccumulateRef {
        let (bias, multipliers) = (0, 1 << 14);
        AccumulateRef { weights: REGION, width, bias, multipliers, shift: 255, clamp: CLAMP, residual }
    }

    fn steps() -> std::vec::Vec<Step> {
        let residual = Some(ResidualRef { operand: OPERAND, multiplier: i32::MIN });
        let part = Part { operand: SMALL, multiplier: i32::MAX, offset: -1 };
        let (x, a, b) = (SMALL, OPERAND, SMALL);
        let (entries, multipliers, offsets, shift, clamp) = (257, u32::MAX, 3, 24, CLAMP);
        let ops = [
            Op::Conv2d {
                x,
                taps: TAPS,
                groups: 1,
                group_inputs: 300,
                group_outputs: u16::MAX,
                accumulate: accumulate(WeightWidth::W8, residual),
            },
            Op::Depthwise { x, taps: TAPS, accumulate: accumulate(WeightWidth::W4, None) },
            Op::Dense { x, accumulate: accumulate(WeightWidth::W2, residual) },
            Op::MaxPool { x, pool: POOL, clamp },
            Op::AveragePool { x, pool: POOL, entries, multipliers, offsets, shift, clamp },
            Op::Add { a, b, a_multiplier: -1, b_multiplier: i16::MIN, offset: 1 << 30, shift, clamp },
            Op::Rescale { x, entries, multipliers, offsets, shift, clamp },
            Op::Table { x, entries: REGION },
            Op::Concat { parts: Vec::from_slice(&[part; 8]).unwrap(), shift, clamp },
            Op::Concat { parts: Vec::new(), shift, clamp },
            Op::Window { x, offset: [-1, i16::MIN, 300], stride: [1, 255], fill: -300 },
        ];
        ops.into_iter().map(|op| Step { op, output: OPERAND, scratch: REGION }).collect()
    }

    /// What postcard makes of the same bytes, if it would write it as they are.
    fn expected<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Option<(T, &[u8])> {
        let (value, rest): (T, _) = postcard::take_from_bytes(bytes).ok()?;
        let written = postcard::to_stdvec(&value).unwrap();
        bytes.starts_with(&written).then_some((value, rest))
    }

    /// Encoded values with every byte changed in turn, and cut short everywhere.
    fn mutations(value: &impl Serialize) -> std::vec::Vec<std::vec::Vec<u8>> {
        let mut bytes = postcard::to_stdvec(value).unwrap();
        bytes.extend([1, 2, 3]);
        let mut all: std::vec::Vec<_> = (0..=bytes.len()).map(|end| bytes[..end].to_vec()).collect();
        for at in 0..bytes.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                all.push(changed);
            }
        }
        all
    }

    #[test]
    fn steps_are_read_as_postcard_reads_them() {
        for value in steps() {
            for bytes in mutations(&value) {
                let mut rest = &bytes[..];
                let mut read = Step::nothing();
                let read = step(&mut rest, &mut read).ok().map(|()| (read, rest));
                assert_eq!(read, expected(&bytes), "{bytes:?}");
            }
        }
    }

    #[test]
    fn the_interface_is_read_as_postcard_reads_it() {
        let scale = Scale { mantissa: u32::MAX, shift: i8::MIN };
        let value = |layout| Interface {
            layout,
            arena_bytes: 36_000,
            steps: 11,
            input: SMALL,
            input_scale: scale,
            input_inverse: Scale { mantissa: 1, shift: 127 },
            output: OPERAND,
            output_scale: scale,
        };
        let layouts = [Layout::Rows, Layout::Dsp, Layout::Mve, Layout::Words];
        for bytes in layouts.map(value).iter().flat_map(mutations) {
            assert_eq!(interface(&bytes).ok(), expected(&bytes), "{bytes:?}");
        }
    }

    #[test]
    fn a_tag_names_its_operator() {
        for step in steps() {
            let tag = postcard::to_stdvec(&step).unwrap()[0];
            assert_eq!(linked::OPERATORS[usize::from(tag)], step.op.name());
        }
    }

    #[test]
    fn an_operator_that_does_not_exist_is_invalid() {
        let mut read = Step::nothing();
        assert_eq!(step(&mut &[10, 0, 0][..], &mut read).err(), Some(DecodeError::Invalid));
    }
}
