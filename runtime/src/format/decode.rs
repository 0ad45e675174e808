//! Reads GRAPH: postcard's wire format without serde, whose generic code would be the largest piece of a product.
//! A device decodes a step in every inference, so this is also what makes a step's start cheap.
//!
//! A reader that ran into a mistake goes on with zeros and says so at the end: one test instead of one for
//! each field.

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
    let mut reader = Reader { rest: graph, failed: false };
    let interface = Interface::read(&mut reader);
    reader.end().map(|rest| (interface, rest))
}

/// Reads the step at the start of `rest` over `step`, and moves behind it.
pub(crate) fn step(rest: &mut &[u8], step: &mut Step) -> Result<(), DecodeError> {
    let mut reader = Reader { rest, failed: false };
    let tag = reader.tag(linked::OPERATORS.len() as u32);
    if reader.failed {
        return Err(DecodeError::Invalid);
    }
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
        _ => return Err(DecodeError::Unlinked(tag as u8)),
    }
    step.output = Operand::read(&mut reader);
    step.scratch = Region::read(&mut reader);
    *rest = reader.end()?;
    Ok(())
}

/// Operators, each in a function of its own: in one function they would be moved from a common place.
macro_rules! operators {
    ($($name:ident: $variant:ident { $($field:ident),* })*) => {
        $(#[inline(never)]
        fn $name(reader: &mut Reader, op: &mut Op) {
            *op = Op::$variant { $($field: Read::read(reader)),* };
        })*
    };
}

operators! {
    conv2d: Conv2d { x, taps, groups, group_inputs, group_outputs, accumulate }
    depthwise: Depthwise { x, taps, accumulate }
    dense: Dense { x, accumulate }
    max_pool: MaxPool { x, pool, clamp }
    average_pool: AveragePool { x, pool, entries, multipliers, offsets, shift, clamp }
    add: Add { a, b, a_multiplier, b_multiplier, offset, shift, clamp }
    rescale: Rescale { x, entries, multipliers, offsets, shift, clamp }
    table: Table { x, entries }
    concat: Concat { parts, shift, clamp }
    window: Window { x, offset, stride, fill }
}

struct Reader<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Reader<'a> {
    fn end(self) -> Result<&'a [u8], DecodeError> {
        if self.failed { Err(DecodeError::Invalid) } else { Ok(self.rest) }
    }

    #[inline(always)]
    fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else {
            self.failed = true;
            return 0;
        };
        self.rest = rest;
        first
    }

    #[inline(never)]
    fn byte(&mut self) -> u8 {
        self.next()
    }

    /// A number of at most `bits` bits: seven in a byte, the lowest first; the top bit says that more follow.
    #[inline(never)]
    fn number(&mut self, bits: u32) -> u32 {
        let first = u32::from(self.next());
        if first & 0x80 == 0 {
            return first;
        }
        let second = u32::from(self.next());
        let value = first & 0x7f | (second & 0x7f) << 7;
        if second & 0x80 == 0 { value } else { self.long(value, bits) }
    }

    /// The same where more bytes follow the first two.
    #[inline(never)]
    fn long(&mut self, mut value: u32, bits: u32) -> u32 {
        let mut shift = 14;
        loop {
            let byte = u32::from(self.next());
            let left = bits - shift;
            if left < 7 && byte >> left != 0 {
                self.failed = true;
                return 0;
            }
            value |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return value;
            }
            shift += 7;
        }
    }

    /// A tag below `count`.
    fn tag(&mut self, count: u32) -> u32 {
        let tag = self.number(u32::BITS);
        if tag < count {
            return tag;
        }
        self.failed = true;
        0
    }
}

/// What can be read.
trait Read {
    fn read(reader: &mut Reader) -> Self;
}

impl Read for u8 {
    fn read(reader: &mut Reader) -> Self {
        reader.byte()
    }
}

impl Read for i8 {
    fn read(reader: &mut Reader) -> Self {
        reader.byte() as i8
    }
}

impl Read for u16 {
    fn read(reader: &mut Reader) -> Self {
        reader.number(Self::BITS) as u16
    }
}

impl Read for u32 {
    fn read(reader: &mut Reader) -> Self {
        reader.number(Self::BITS)
    }
}

/// 0, -1, 1, -2, 2 … as 0, 1, 2, 3, 4 …
fn signed(number: u32) -> i32 {
    (number >> 1) as i32 ^ -((number & 1) as i32)
}

impl Read for i16 {
    fn read(reader: &mut Reader) -> Self {
        signed(reader.number(Self::BITS)) as i16
    }
}

impl Read for i32 {
    fn read(reader: &mut Reader) -> Self {
        signed(reader.number(Self::BITS))
    }
}

impl<T: Read, const N: usize> Read for [T; N] {
    fn read(reader: &mut Reader) -> Self {
        core::array::from_fn(|_| T::read(reader))
    }
}

impl Read for Option<ResidualRef> {
    fn read(reader: &mut Reader) -> Self {
        match reader.byte() {
            0 => None,
            1 => Some(ResidualRef::read(reader)),
            _ => {
                reader.failed = true;
                None
            }
        }
    }
}

impl<const N: usize> Read for Vec<Part, N> {
    fn read(reader: &mut Reader) -> Self {
        let mut parts = Self::new();
        for _ in 0..reader.tag(N as u32 + 1) {
            if parts.push(Part::read(reader)).is_err() {
                reader.failed = true;
            }
        }
        parts
    }
}

impl Read for Layout {
    fn read(reader: &mut Reader) -> Self {
        match reader.tag(4) {
            0 => Self::Rows,
            1 => Self::Dsp,
            2 => Self::Mve,
            _ => Self::Words,
        }
    }
}

impl Read for ActivationType {
    fn read(reader: &mut Reader) -> Self {
        match reader.tag(3) {
            0 => Self::U4,
            1 => Self::I8,
            _ => Self::I16,
        }
    }
}

impl Read for WeightWidth {
    fn read(reader: &mut Reader) -> Self {
        match reader.tag(3) {
            0 => Self::W2,
            1 => Self::W4,
            _ => Self::W8,
        }
    }
}

/// Structs, field after field.
macro_rules! read {
    ($($name:ident { $($field:ident),* })*) => {
        $(impl Read for $name {
            #[inline(never)]
            fn read(reader: &mut Reader) -> Self {
                Self { $($field: Read::read(reader)),* }
            }
        })*
    };
}

read! {
    Operand { offset, dims, dtype, zero }
    Region { offset, bytes }
    Scale { mantissa, shift }
    Interface { layout, arena_bytes, steps, input, input_scale, input_inverse, output, output_scale }
    ClampRef { lo, hi }
    Taps { kernel, stride, dilation, pad }
    PoolRef { kernel, stride, pad }
    ResidualRef { operand, multiplier }
    AccumulateRef { weights, width, bias, multipliers, shift, clamp, residual }
    Part { operand, multiplier, offset }
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

    /// What postcard makes of the same bytes.
    fn expected<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, &[u8])> {
        postcard::take_from_bytes(bytes).ok()
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
                let mut read = Step::NOTHING;
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
        let mut read = Step::NOTHING;
        assert_eq!(step(&mut &[10, 0, 0][..], &mut read).err(), Some(DecodeError::Invalid));
    }
}
