//! What a step has to do, as far as its time depends on it.

use kernels::{Dtype, WeightBits};
use runtime::format::{Op, Step, Taps};
use serde::{Deserialize, Serialize};

/// Input channels up to which a convolution counts as a network's first.
const FEW_CHANNELS: u16 = 4;

/// Operator and class of shape: what has one formula for its cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Convolution over at most 4 channels.
    FirstConv,
    /// Convolution with 3x3 taps.
    Conv3x3,
    /// Convolution with other taps.
    Conv,
    /// Convolution with one tap.
    Pointwise,
    /// Convolution in groups.
    GroupedConv,
    /// Depthwise convolution with 3x3 taps.
    Depthwise3x3,
    /// Depthwise convolution with other taps.
    Depthwise,
    /// Fully connected layer.
    Dense,
    /// Largest of a window.
    MaxPool,
    /// Mean of a window.
    AveragePool,
    /// Sum of two tensors.
    Add,
    /// Change of scale.
    Rescale,
    /// Function of a byte by table.
    Table,
    /// Join of tensors.
    Concat,
    /// Crop, stride, padding.
    Window,
}

/// A step's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Its formula.
    pub kind: Kind,
    /// Bits of a weight; 0 without weights.
    pub weight_bits: u32,
    /// Bits of the main operand.
    pub activation_bits: u32,
    /// Multiplications, those with padding included; for pooling, elements of all windows.
    pub macs: u64,
    /// Elements of the result.
    pub outputs: u64,
    /// Elements that are added from a residual operand: none, or as many as outputs.
    pub residuals: u64,
}

/// What the coefficients are multiplied with: MACs, outputs, residuals, 1.
pub type Features = [f64; 4];

impl Work {
    /// The size of a step.
    pub fn of(step: &Step) -> Self {
        let outputs: u64 = step.output.dims.map(u64::from).iter().product();
        let accumulate = step.op.accumulate();
        let residual = accumulate.is_some_and(|accumulate| accumulate.residual.is_some());
        Self {
            kind: Kind::of(&step.op),
            weight_bits: accumulate.map_or(0, |accumulate| WeightBits::from(accumulate.width).bits()),
            activation_bits: step.op.operands().next().map_or(0, |x| Dtype::from(x.dtype).bits()),
            macs: outputs * per_output(&step.op),
            outputs,
            residuals: if residual { outputs } else { 0 },
        }
    }

    /// The numbers that the time is linear in.
    pub fn features(&self) -> Features {
        [self.macs as f64, self.outputs as f64, self.residuals as f64, 1.0]
    }
}

impl Kind {
    fn of(op: &Op) -> Self {
        match op {
            Op::Conv2d { groups, .. } if *groups > 1 => Self::GroupedConv,
            Op::Conv2d { taps: Taps { kernel: [1, 1], .. }, .. } => Self::Pointwise,
            Op::Conv2d { group_inputs, .. } if *group_inputs <= FEW_CHANNELS => Self::FirstConv,
            Op::Conv2d { taps: Taps { kernel: [3, 3], .. }, .. } => Self::Conv3x3,
            Op::Conv2d { .. } => Self::Conv,
            Op::Depthwise { taps: Taps { kernel: [3, 3], .. }, .. } => Self::Depthwise3x3,
            Op::Depthwise { .. } => Self::Depthwise,
            Op::Dense { .. } => Self::Dense,
            Op::MaxPool { .. } => Self::MaxPool,
            Op::AveragePool { .. } => Self::AveragePool,
            Op::Add { .. } => Self::Add,
            Op::Rescale { .. } => Self::Rescale,
            Op::Table { .. } => Self::Table,
            Op::Concat { .. } => Self::Concat,
            Op::Window { .. } => Self::Window,
        }
    }
}

/// Multiplications, or elements of a window, for one output.
fn per_output(op: &Op) -> u64 {
    let area = |[rows, columns]: [u8; 2]| u64::from(rows) * u64::from(columns);
    match op {
        Op::Conv2d { taps, group_inputs, .. } => area(taps.kernel) * u64::from(*group_inputs),
        Op::Depthwise { taps, .. } => area(taps.kernel),
        Op::Dense { x, .. } => x.dims.map(u64::from).iter().product(),
        Op::MaxPool { pool, .. } | Op::AveragePool { pool, .. } => area(pool.kernel),
        _ => 0,
    }
}
