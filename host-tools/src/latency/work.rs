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
    /// Depthwise convolution with 5x5 taps.
    Depthwise5x5,
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
    /// Multiplications with elements of the operand; for pooling, elements in all windows.
    pub macs: u64,
    /// Multiplications with padding; for pooling, places of windows outside the operand.
    pub padded: u64,
    /// Elements of the result.
    pub outputs: u64,
    /// Elements that are added from a residual operand: none, or as many as outputs.
    pub residuals: u64,
    /// Taps of all windows on elements, whatever their channels: what a kernel does once for a tap.
    pub taps: u64,
    /// Places of the result, whatever their channels.
    pub pixels: u64,
    /// Elements of the result that share a byte with others.
    pub narrow: u64,
}

/// What the coefficients are multiplied with: MACs, padded MACs, outputs, residuals, taps, pixels, narrow outputs, 1.
pub type Features = [f64; 8];

impl Work {
    /// The size of a step.
    pub fn of(step: &Step) -> Self {
        let outputs: u64 = step.output.dims.map(u64::from).iter().product();
        let accumulate = step.op.accumulate();
        let Multiplications { macs, padded, taps } = multiplications(&step.op, step.output.dims);
        let [h, w, _] = step.output.dims.map(u64::from);
        let narrow = Dtype::from(step.output.dtype).bits() < 8;
        let residual = accumulate.is_some_and(|accumulate| accumulate.residual.is_some());
        Self {
            kind: Kind::of(&step.op),
            weight_bits: accumulate.map_or(0, |accumulate| WeightBits::from(accumulate.width).bits()),
            activation_bits: step.op.operands().next().map_or(0, |x| Dtype::from(x.dtype).bits()),
            macs,
            padded,
            outputs,
            residuals: if residual { outputs } else { 0 },
            taps,
            pixels: h * w,
            narrow: if narrow { outputs } else { 0 },
        }
    }

    /// The numbers that the time is linear in.
    pub fn features(&self) -> Features {
        let Self { macs, padded, outputs, residuals, taps, pixels, narrow, .. } = *self;
        [macs, padded, outputs, residuals, taps, pixels, narrow, 1].map(|count| count as f64)
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
            Op::Depthwise { taps: Taps { kernel: [5, 5], .. }, .. } => Self::Depthwise5x5,
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

/// Multiplications with elements and with padding, and taps on elements; for pooling, elements and other places of windows.
#[derive(Default)]
struct Multiplications {
    macs: u64,
    padded: u64,
    taps: u64,
}

fn multiplications(op: &Op, output: [u16; 3]) -> Multiplications {
    let [h, w, c] = output.map(u64::from);
    let (x, kernel, stride, dilation, pad, depth) = match op {
        Op::Conv2d { x, taps: t, group_inputs, .. } => {
            (x, t.kernel, t.stride, t.dilation, t.pad, u64::from(*group_inputs))
        }
        Op::Depthwise { x, taps: t, .. } => (x, t.kernel, t.stride, t.dilation, t.pad, 1),
        Op::MaxPool { x, pool: p, .. } | Op::AveragePool { x, pool: p, .. } => {
            (x, p.kernel, p.stride, [1, 1], p.pad, 1)
        }
        Op::Dense { x, .. } => {
            let macs = c * x.dims.map(u64::from).iter().product::<u64>();
            return Multiplications { macs, ..Multiplications::default() };
        }
        _ => return Multiplications::default(),
    };
    let inside = |axis: usize| {
        let axes = [kernel, stride, dilation, pad].map(|of| i64::from(of[axis]));
        taps_inside(axes, x.dims[axis].into(), output[axis].into())
    };
    let all = h * w * u64::from(kernel[0]) * u64::from(kernel[1]);
    let inside = inside(0) * inside(1);
    let padded = all.saturating_sub(inside);
    Multiplications { macs: inside * c * depth, padded: padded * c * depth, taps: inside }
}

/// Taps of all windows along one axis that meet the operand.
fn taps_inside([kernel, stride, dilation, pad]: [i64; 4], length: i64, outputs: i64) -> u64 {
    let inside = |output: i64| {
        (0..kernel).filter(|tap| (0..length).contains(&(output * stride - pad + tap * dilation))).count()
            as u64
    };
    (0..outputs).map(inside).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_over_the_border_are_padding() {
        // Three taps, padded by one on either side.
        assert_eq!(taps_inside([3, 1, 1, 1], 4, 4), 10);
        // The last window of stride 2 ends one behind the operand.
        assert_eq!(taps_inside([3, 2, 1, 0], 4, 2), 5);
        assert_eq!(taps_inside([2, 1, 3, 0], 7, 4), 8);
        assert_eq!(taps_inside([1, 1, 1, 0], 9, 9), 9);
    }
}
