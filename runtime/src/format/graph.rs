//! GRAPH: one [`Interface`], then its `steps` [`Step`]s, each postcard. Steps are decoded one at a time, so
//! a device needs no memory for the graph and there is no limit on its length.

use heapless::Vec;
use kernels::numerics::Clamp;
use kernels::{Dims, Dtype, TensorSpec, WeightBits};
#[cfg(test)]
use serde::Deserialize;
use serde::Serialize;

use super::le;

/// Most parts of one concatenation step.
pub const MAX_CONCAT: usize = 8;

/// How the weights of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub enum Layout {
    /// Plain rows (`kernels::layout`): runs everywhere.
    Rows,
    /// Blocks for the DSP extension (`kernels::layout::dsp`): Cortex-M4, M7, M33, and hosts.
    Dsp,
    /// Blocks for Helium (`kernels::layout::mve`): Cortex-M55, M85, and hosts.
    Mve,
    /// Plain rows, convolved four at a time (`kernels::arch::words`): cores without the DSP extension, and hosts.
    Words,
}

/// Storage type of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub enum ActivationType {
    /// Unsigned nibble.
    U4,
    /// Signed byte.
    I8,
    /// Signed 16-bit word.
    I16,
}

/// Width of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub enum WeightWidth {
    /// 2 bits.
    W2,
    /// 4 bits.
    W4,
    /// 8 bits.
    W8,
}

/// A tensor in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Operand {
    /// First byte in the arena.
    #[serde(with = "le")]
    pub offset: u32,
    /// Rows, columns, channels.
    #[serde(with = "le")]
    pub dims: [u16; 3],
    /// Storage type.
    pub dtype: ActivationType,
    /// Zero point.
    #[serde(with = "le")]
    pub zero: i16,
}

/// Bytes in the arena or in CONST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Region {
    /// First byte.
    #[serde(with = "le")]
    pub offset: u32,
    /// Number of bytes.
    #[serde(with = "le")]
    pub bytes: u32,
}

/// A positive real number as `mantissa / 2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Scale {
    /// Numerator.
    #[serde(with = "le")]
    pub mantissa: u32,
    /// Binary logarithm of the denominator.
    pub shift: i8,
}

/// What the network shows to the outside; first thing in GRAPH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Interface {
    /// How weights are packed.
    pub layout: Layout,
    /// Bytes of the arena, scratch included.
    #[serde(with = "le")]
    pub arena_bytes: u32,
    /// Number of steps.
    #[serde(with = "le")]
    pub steps: u16,
    /// Network input.
    pub input: Operand,
    /// Real value of one step of the input's integers.
    pub input_scale: Scale,
    /// Reciprocal of `input_scale`.
    pub input_inverse: Scale,
    /// Network output.
    pub output: Operand,
    /// Real value of one step of the output's integers.
    pub output_scale: Scale,
}

/// Limits of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct ClampRef {
    /// Smallest result.
    #[serde(with = "le")]
    pub lo: i16,
    /// Largest result.
    #[serde(with = "le")]
    pub hi: i16,
}

/// Taps of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Taps {
    /// Kernel rows and columns.
    pub kernel: [u8; 2],
    /// Step between windows.
    pub stride: [u8; 2],
    /// Distance between taps.
    pub dilation: [u8; 2],
    /// Padding above and to the left.
    pub pad: [u8; 2],
}

/// Windows of a pooling step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct PoolRef {
    /// Window rows and columns.
    pub kernel: [u8; 2],
    /// Step between windows.
    pub stride: [u8; 2],
    /// Padding above and to the left.
    pub pad: [u8; 2],
}

/// Second operand of an accumulating step, summed before the clamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct ResidualRef {
    /// The tensor.
    pub operand: Operand,
    /// Its multiplier; the step's shift holds for it too.
    #[serde(with = "le")]
    pub multiplier: i32,
}

/// Weights and requantisation of an accumulating step. Offsets are bytes in CONST; biases and multipliers
/// are i32, one for each output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct AccumulateRef {
    /// Packed weights.
    pub weights: Region,
    /// Width of a weight.
    pub width: WeightWidth,
    /// Offset of the biases.
    #[serde(with = "le")]
    pub bias: u32,
    /// Offset of the multipliers.
    #[serde(with = "le")]
    pub multipliers: u32,
    /// Shift of the 64-bit product.
    pub shift: u8,
    /// Limits of the result.
    pub clamp: ClampRef,
    /// Residual operand.
    pub residual: Option<ResidualRef>,
}

/// One part of a concatenation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Part {
    /// The tensor.
    pub operand: Operand,
    /// Its multiplier.
    #[serde(with = "le")]
    pub multiplier: i32,
    /// Its rounding term and zero points.
    #[serde(with = "le")]
    pub offset: i32,
}

/// One operation on tensors in the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
pub struct Step {
    /// Operator with its operands.
    pub op: Op,
    /// Result.
    pub output: Operand,
    /// Scratch in the arena.
    pub scratch: Region,
}

impl Step {
    /// Where steps are read to. No constant, which would be copied from flash with all that no operator fills.
    pub(crate) fn nothing() -> Self {
        let region = Region { offset: 0, bytes: 0 };
        let operand = Operand { offset: 0, dims: [0; 3], dtype: ActivationType::I8, zero: 0 };
        Self { op: Op::Table { x: operand, entries: region }, output: operand, scratch: region }
    }
}

/// Operators. `entries` of multipliers and offsets: 1, or one for each channel (rescale) or tap count
/// (average pooling).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize))]
#[expect(missing_docs, reason = "fields are those of the operator in kernels::op that each variant names")]
#[repr(u32)] // Steps are moved in words, not in bytes.
pub enum Op {
    /// `kernels::op::Conv2d`.
    Conv2d {
        x: Operand,
        taps: Taps,
        #[serde(with = "le")]
        groups: u16,
        #[serde(with = "le")]
        group_inputs: u16,
        #[serde(with = "le")]
        group_outputs: u16,
        accumulate: AccumulateRef,
    },
    /// `kernels::op::Depthwise`.
    Depthwise { x: Operand, taps: Taps, accumulate: AccumulateRef },
    /// `kernels::op::Dense`.
    Dense { x: Operand, accumulate: AccumulateRef },
    /// `kernels::op::MaxPool`.
    MaxPool { x: Operand, pool: PoolRef, clamp: ClampRef },
    /// `kernels::op::AveragePool`.
    AveragePool {
        x: Operand,
        pool: PoolRef,
        #[serde(with = "le")]
        entries: u16,
        #[serde(with = "le")]
        multipliers: u32,
        #[serde(with = "le")]
        offsets: u32,
        shift: u8,
        clamp: ClampRef,
    },
    /// `kernels::op::Add`.
    Add {
        a: Operand,
        b: Operand,
        #[serde(with = "le")]
        a_multiplier: i16,
        #[serde(with = "le")]
        b_multiplier: i16,
        #[serde(with = "le")]
        offset: i32,
        shift: u8,
        clamp: ClampRef,
    },
    /// `kernels::op::Rescale`.
    Rescale {
        x: Operand,
        #[serde(with = "le")]
        entries: u16,
        #[serde(with = "le")]
        multipliers: u32,
        #[serde(with = "le")]
        offsets: u32,
        shift: u8,
        clamp: ClampRef,
    },
    /// `kernels::op::Table`.
    Table { x: Operand, entries: Region },
    /// `kernels::op::Concat`, part by part.
    Concat { parts: Vec<Part, MAX_CONCAT>, shift: u8, clamp: ClampRef },
    /// `kernels::op::Window`.
    Window {
        x: Operand,
        #[serde(with = "le")]
        offset: [i16; 3],
        stride: [u8; 2],
        #[serde(with = "le")]
        fill: i16,
    },
}

impl Op {
    /// Name of the operator.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Depthwise { .. } => "depthwise",
            Self::Dense { .. } => "dense",
            Self::MaxPool { .. } => "max_pool",
            Self::AveragePool { .. } => "average_pool",
            Self::Add { .. } => "add",
            Self::Rescale { .. } => "rescale",
            Self::Table { .. } => "table",
            Self::Concat { .. } => "concat",
            Self::Window { .. } => "window",
        }
    }

    /// The operands, the main one first.
    pub fn operands(&self) -> impl Iterator<Item = &Operand> {
        let (first, second, parts): (_, Option<&Operand>, &[Part]) = match self {
            Self::Conv2d { x, accumulate, .. }
            | Self::Depthwise { x, accumulate, .. }
            | Self::Dense { x, accumulate } => {
                (Some(x), accumulate.residual.as_ref().map(|r| &r.operand), &[])
            }
            Self::Add { a, b, .. } => (Some(a), Some(b), &[]),
            Self::Concat { parts, .. } => (None, None, parts),
            Self::MaxPool { x, .. }
            | Self::AveragePool { x, .. }
            | Self::Rescale { x, .. }
            | Self::Table { x, .. }
            | Self::Window { x, .. } => (Some(x), None, &[]),
        };
        first.into_iter().chain(second).chain(parts.iter().map(|part| &part.operand))
    }

    /// The operands, the main one first.
    pub fn operands_mut(&mut self) -> impl Iterator<Item = &mut Operand> {
        let (first, second, parts): (_, Option<&mut Operand>, &mut [Part]) = match self {
            Self::Conv2d { x, accumulate, .. }
            | Self::Depthwise { x, accumulate, .. }
            | Self::Dense { x, accumulate } => {
                (Some(x), accumulate.residual.as_mut().map(|r| &mut r.operand), &mut [])
            }
            Self::Add { a, b, .. } => (Some(a), Some(b), &mut []),
            Self::Concat { parts, .. } => (None, None, parts),
            Self::MaxPool { x, .. }
            | Self::AveragePool { x, .. }
            | Self::Rescale { x, .. }
            | Self::Table { x, .. }
            | Self::Window { x, .. } => (Some(x), None, &mut []),
        };
        first.into_iter().chain(second).chain(parts.iter_mut().map(|part| &mut part.operand))
    }

    pub(super) fn accumulate_mut(&mut self) -> Option<&mut AccumulateRef> {
        match self {
            Self::Conv2d { accumulate, .. }
            | Self::Depthwise { accumulate, .. }
            | Self::Dense { accumulate, .. } => Some(accumulate),
            _ => None,
        }
    }

    /// Weights and requantisation of an accumulating step.
    pub fn accumulate(&self) -> Option<&AccumulateRef> {
        match self {
            Self::Conv2d { accumulate, .. }
            | Self::Depthwise { accumulate, .. }
            | Self::Dense { accumulate, .. } => Some(accumulate),
            _ => None,
        }
    }
}

impl Operand {
    /// Shape, type and zero point as kernels take them.
    pub fn spec(&self) -> TensorSpec {
        let [h, w, c] = self.dims;
        TensorSpec { dims: Dims { h, w, c }, dtype: self.dtype.into(), zero: self.zero }
    }

    /// The operand of a specification at an offset.
    pub fn at(offset: u32, spec: TensorSpec) -> Self {
        let Dims { h, w, c } = spec.dims;
        Self { offset, dims: [h, w, c], dtype: spec.dtype.into(), zero: spec.zero }
    }
}

impl From<Layout> for kernels::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Rows => Self::Rows,
            Layout::Dsp => Self::Dsp,
            Layout::Mve => Self::Mve,
            Layout::Words => Self::Words,
        }
    }
}

impl From<ActivationType> for Dtype {
    fn from(dtype: ActivationType) -> Self {
        match dtype {
            ActivationType::U4 => Self::U4,
            ActivationType::I8 => Self::I8,
            ActivationType::I16 => Self::I16,
        }
    }
}

impl From<Dtype> for ActivationType {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::U4 => Self::U4,
            Dtype::I8 => Self::I8,
            Dtype::I16 => Self::I16,
        }
    }
}

impl From<WeightWidth> for WeightBits {
    fn from(width: WeightWidth) -> Self {
        match width {
            WeightWidth::W2 => Self::W2,
            WeightWidth::W4 => Self::W4,
            WeightWidth::W8 => Self::W8,
        }
    }
}

impl From<WeightBits> for WeightWidth {
    fn from(bits: WeightBits) -> Self {
        match bits {
            WeightBits::W2 => Self::W2,
            WeightBits::W4 => Self::W4,
            WeightBits::W8 => Self::W8,
        }
    }
}

impl From<ClampRef> for Clamp {
    fn from(clamp: ClampRef) -> Self {
        Self { lo: clamp.lo, hi: clamp.hi }
    }
}

impl From<Clamp> for ClampRef {
    fn from(clamp: Clamp) -> Self {
        Self { lo: clamp.lo, hi: clamp.hi }
    }
}
