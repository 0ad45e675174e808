//! Model files with wrong bytes: raw damage, damage with the CRC made right again, and steps whose fields were
//! changed and encoded again, which is how a hostile file looks.

use std::ops::Range;

use host_tools::file::{GoldenVector, Parts};
use host_tools::verify::golden_traces;
use runtime::format::{
    AccumulateRef, ActivationType, ClampRef, HEADER_BYTES, Op, Operand, PoolRef, Region, SECTION_BYTES,
    SectionKind, Step, Taps, WeightWidth,
};
use runtime::{Model, trace};

use crate::random::Random;

/// First byte under the CRC.
const CRC_START: usize = 16;

/// Writes the CRC that the stated length asks for; false when there is no such length.
pub fn fix_crc(file: &mut [u8]) -> bool {
    let Some(length) = file.get(8..12).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize) else {
        return false;
    };
    let Some(covered) = file.get(CRC_START..length) else { return false };
    let crc = trace::crc32(covered);
    file[12..CRC_START].copy_from_slice(&crc.to_le_bytes());
    true
}

/// Where a section lies in an intact file.
///
/// # Panics
/// When the file has no such section.
pub fn section(file: &[u8], kind: SectionKind) -> Range<usize> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
    let entries = (0..word(CRC_START)).map(|i| HEADER_BYTES + i * SECTION_BYTES);
    let entry = entries.into_iter().find(|&at| word(at) == kind as usize).expect("the section is there");
    word(entry + 4)..word(entry + 4) + word(entry + 8)
}

/// A model taken apart; encoded again it is the same file.
///
/// # Panics
/// When META is not text.
pub fn parts(model: &Model) -> Parts {
    let (inputs, traces) = golden_traces(model);
    let vector =
        |(input, t): (_, host_tools::integer::Traced)| GoldenVector { input, output: t.output, crcs: t.crcs };
    Parts {
        interface: *model.interface(),
        steps: model.steps().collect(),
        constants: model.constants().to_vec(),
        golden: inputs.into_iter().zip(traces).map(vector).collect(),
        meta: String::from_utf8(model.meta().to_vec()).expect("META is text"),
    }
}

/// Flips one to four bytes of a range.
pub fn flip(file: &mut [u8], range: Range<usize>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = range.start + random.below(range.len());
        file[at] ^= 1 + random.byte() % 255;
    }
}

/// An integer field of a file.
trait Field {
    /// Changes the value: by one, to an extreme, to twice, to anything.
    fn twist(&mut self, random: &mut Random);
}

macro_rules! fields {
    ($($kind:ty),*) => {$(
        impl Field for $kind {
            fn twist(&mut self, random: &mut Random) {
                *self = match random.below(7) {
                    0 => self.wrapping_add(1),
                    1 => self.wrapping_sub(1),
                    2 => <$kind>::MIN,
                    3 => <$kind>::MAX,
                    4 => self.wrapping_mul(2),
                    5 => 1,
                    _ => random.bits() as $kind,
                };
            }
        }
    )*};
}
fields!(u8, u16, u32, i16, i32);

fn operand(operand: &mut Operand, random: &mut Random) {
    match random.below(4) {
        0 => operand.offset.twist(random),
        1 => operand.dims[random.below(3)].twist(random),
        2 => {
            operand.dtype = [ActivationType::U4, ActivationType::I8, ActivationType::I16][random.below(3)];
        }
        _ => operand.zero.twist(random),
    }
}

fn region(region: &mut Region, random: &mut Random) {
    let field = if random.below(2) == 0 { &mut region.offset } else { &mut region.bytes };
    field.twist(random);
}

fn clamp(clamp: &mut ClampRef, random: &mut Random) {
    let field = if random.below(2) == 0 { &mut clamp.lo } else { &mut clamp.hi };
    field.twist(random);
}

fn taps(taps: &mut Taps, random: &mut Random) {
    let Taps { kernel, stride, dilation, pad } = taps;
    [kernel, stride, dilation, pad][random.below(4)][random.below(2)].twist(random);
}

fn pool(pool: &mut PoolRef, random: &mut Random) {
    let PoolRef { kernel, stride, pad } = pool;
    [kernel, stride, pad][random.below(3)][random.below(2)].twist(random);
}

fn accumulate(r: &mut AccumulateRef, random: &mut Random) {
    match random.below(7) {
        0 => region(&mut r.weights, random),
        1 => r.width = [WeightWidth::W2, WeightWidth::W4, WeightWidth::W8][random.below(3)],
        2 => r.bias.twist(random),
        3 => r.multipliers.twist(random),
        4 => r.shift.twist(random),
        5 => clamp(&mut r.clamp, random),
        _ => match &mut r.residual {
            Some(residual) if random.below(2) == 0 => residual.multiplier.twist(random),
            Some(_) => r.residual = None,
            None => {}
        },
    }
}

/// Changes one field of a step.
pub fn twist(step: &mut Step, random: &mut Random) {
    match random.below(6) {
        0 => operand(&mut step.output, random),
        1 => region(&mut step.scratch, random),
        2 => {
            let count = step.op.operands().count();
            if let Some(x) = step.op.operands_mut().nth(random.below(count.max(1))) {
                operand(x, random);
            }
        }
        _ => twist_op(&mut step.op, random),
    }
}

fn twist_op(op: &mut Op, random: &mut Random) {
    match op {
        Op::Conv2d { taps: t, groups, group_inputs, group_outputs, accumulate: r, .. } => {
            match random.below(3) {
                0 => taps(t, random),
                1 => [groups, group_inputs, group_outputs][random.below(3)].twist(random),
                _ => accumulate(r, random),
            }
        }
        Op::Depthwise { taps: t, accumulate: r, .. } => match random.below(2) {
            0 => taps(t, random),
            _ => accumulate(r, random),
        },
        Op::Dense { accumulate: r, .. } => accumulate(r, random),
        Op::MaxPool { pool: p, clamp: c, .. } => match random.below(3) {
            0 => clamp(c, random),
            _ => pool(p, random),
        },
        Op::AveragePool { pool: p, entries, multipliers, offsets, shift, clamp: c, .. } => {
            match random.below(5) {
                0 => entries.twist(random),
                1 => [multipliers, offsets][random.below(2)].twist(random),
                2 => shift.twist(random),
                3 => clamp(c, random),
                _ => pool(p, random),
            }
        }
        Op::Add { a_multiplier, b_multiplier, offset, shift, clamp: c, .. } => match random.below(4) {
            0 => [a_multiplier, b_multiplier][random.below(2)].twist(random),
            1 => offset.twist(random),
            2 => shift.twist(random),
            _ => clamp(c, random),
        },
        Op::Rescale { entries, multipliers, offsets, shift, clamp: c, .. } => match random.below(4) {
            0 => entries.twist(random),
            1 => [multipliers, offsets][random.below(2)].twist(random),
            2 => shift.twist(random),
            _ => clamp(c, random),
        },
        Op::Table { entries, .. } => region(entries, random),
        Op::Concat { parts, shift, clamp: c } => match random.below(4) {
            0 => shift.twist(random),
            1 => clamp(c, random),
            2 => drop(parts.pop()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    part.multiplier.twist(random);
                    part.offset.twist(random);
                }
            }
        },
        Op::Window { offset, stride, fill, .. } => match random.below(3) {
            0 => offset[random.below(3)].twist(random),
            1 => stride[random.below(2)].twist(random),
            _ => fill.twist(random),
        },
    }
}

/// Multiply-accumulates, or element reads, that running a model costs: a legal file may be slow.
pub fn work(model: &Model) -> u64 {
    let taps = |kernel: &[u8; 2]| kernel.iter().map(|&k| u64::from(k)).product::<u64>();
    let size = |dims: &[u16; 3]| dims.iter().map(|&d| u64::from(d)).product::<u64>();
    let step = |step: Step| {
        let each = match &step.op {
            Op::Conv2d { taps: t, group_inputs, .. } => taps(&t.kernel) * u64::from(*group_inputs),
            Op::Depthwise { taps: t, .. } => taps(&t.kernel),
            Op::Dense { x, .. } => size(&x.dims),
            Op::MaxPool { pool, .. } | Op::AveragePool { pool, .. } => taps(&pool.kernel),
            _ => 1,
        };
        size(&step.output.dims).saturating_mul(each)
    };
    model.steps().map(step).fold(0, u64::saturating_add)
}
