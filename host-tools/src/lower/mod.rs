//! From a float graph and calibrated ranges to integer steps with their memory: fold, integerise, pack, plan.

mod constants;
mod emit;
mod fold;
mod kernel;
mod layer;
mod pack;
mod plan;
mod ranges;
mod scale;
mod storage;
mod weights;

pub use emit::{Network, StepInfo, Tensor};
pub use fold::{Folded, Norm, fold};
pub use kernel::{Kernel, kernel};
pub use layer::{Layer, LayerOp, Layers};
pub use plan::ArenaBlock;
pub use ranges::Ranges;
pub use storage::{BitPlan, LayerBits, Storage};
pub use weights::{Channel, WeightRule, WeightScales};
pub(crate) use weights::{rounded, rule_scale};

use kernels::Dtype;
use runtime::format::{Interface, Layout, Scale};

use crate::calibrate::{CalibrateError, QuantParams};
use crate::data::{RawInput, RawKind};
use crate::graph::{ExecuteError, Graph, Shape};

/// How samples reach the network's input tensor, which always holds bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum InputForm {
    /// The input tensor has one scale and zero point.
    Direct,
    /// The input tensor holds raw bytes `q`; a first step computes `scale_c * (q - zero_c)`.
    PerChannel {
        /// Real value of a raw step, one or one per channel.
        scale: Vec<f64>,
        /// Raw number of real 0, one or one per channel.
        zero: Vec<f64>,
    },
}

/// Error of making integers of a network.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// A dimension or the whole tensor is too large for a model file.
    #[error("tensor `{tensor}` of shape {shape} is too large: at most 65535 per axis and 1 GiB in all")]
    TooLarge {
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        shape: Shape,
    },
    /// A tensor that nothing computes.
    #[error("tensor `{tensor}` is read but never computed; the graph is damaged")]
    NotComputed {
        /// Name of the tensor.
        tensor: String,
    },
    /// A tensor without range.
    #[error("tensor `{tensor}` was not calibrated")]
    NotCalibrated {
        /// Name of the tensor.
        tensor: String,
    },
    /// Packed nibbles of an odd number of channels cannot change their shape.
    #[error(
        "tensor `{tensor}` is reshaped while packed in 4 bits with an odd number of channels; use 8 bits"
    )]
    PackedReshape {
        /// Name of the tensor.
        tensor: String,
    },
    /// A size does not fit the file's field.
    #[error("layer `{layer}`: {what} {size} is too large for a model file")]
    Geometry {
        /// Name of the layer.
        layer: String,
        /// Which size.
        what: &'static str,
        /// The size.
        size: usize,
    },
    /// More steps than a model file counts.
    #[error("the network has {count} steps, more than the 65535 of a model file; split it")]
    TooManySteps {
        /// Steps.
        count: usize,
    },
    /// No weight scale keeps the accumulator within 32 bits.
    #[error(
        "layer `{layer}`, output channel {channel}: the accumulator does not fit 32 bits; the bias is too large"
    )]
    Overflow {
        /// Name of the layer.
        layer: String,
        /// Output channel.
        channel: usize,
    },
    /// A multiplier is out of range.
    #[error(
        "layer `{layer}`: its scales are too far apart for an integer multiplier; look at the calibration data"
    )]
    Scale {
        /// Name of the layer.
        layer: String,
    },
    /// Calibration failed.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The float network failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// Everything that decides the integers beside the network itself.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Bits of every layer.
    pub bits: BitPlan,
    /// Scales and zero points.
    pub ranges: Ranges,
    /// How samples arrive.
    pub input: InputForm,
    /// How weight scales are found.
    pub weights: WeightScales,
}

/// A lowered network: steps with their memory.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// Steps, tensors, constants; offsets are bytes in the arena.
    pub network: Network,
    /// Input, output, arena.
    pub interface: Interface,
    /// Who shares which bytes of the arena.
    pub blocks: Vec<ArenaBlock>,
    /// The steps before they had memory, with weights in rows.
    unplaced: Network,
}

impl Lowered {
    /// The same network with its weights packed for a board's kernels, and the memory that these need.
    pub fn packed(&self, layout: Layout) -> Self {
        let mut network = self.unplaced.clone();
        let layout = network.repack(layout);
        let (arena_bytes, blocks) = plan::plan(&mut network, layout);
        let (input, output) = (network.input, network.output);
        let interface = Interface { layout, arena_bytes, input, output, ..self.interface };
        Self { network, interface, blocks, unplaced: self.unplaced.clone() }
    }
}

/// The integer steps of a folded graph, before they have memory: operands hold tensor indices for offsets.
///
/// # Errors
/// See [`LowerError`].
pub fn steps(graph: &Graph, layers: &Layers, recipe: &Recipe) -> Result<Network, LowerError> {
    emit::emit(graph, layers, recipe)
}

/// Lowers a folded graph.
///
/// # Errors
/// See [`LowerError`].
pub fn lower(graph: &Graph, layers: &Layers, recipe: &Recipe) -> Result<Lowered, LowerError> {
    let mut network = steps(graph, layers, recipe)?;
    let scale = |tensor: u32| dyadic_scale(network.tensors[tensor as usize].params.scale);
    let (input_scale, output_scale) = (scale(network.input.offset), scale(network.output.offset));
    let inverse = dyadic_scale(1.0 / network.tensors[network.input.offset as usize].params.scale);
    let unplaced = network.clone();
    let (arena_bytes, blocks) = plan::plan(&mut network, Layout::Rows);
    let count = network.steps.len();
    let interface = Interface {
        layout: Layout::Rows,
        arena_bytes,
        steps: u16::try_from(count).map_err(|_| LowerError::TooManySteps { count })?,
        input: network.input,
        input_scale,
        input_inverse: inverse,
        output: network.output,
        output_scale,
    };
    Ok(Lowered { network, interface, blocks, unplaced })
}

/// A positive number with a 31-bit mantissa.
pub(crate) fn dyadic_scale(value: f64) -> Scale {
    let exponent = value.log2().floor() as i32;
    let shift = (30 - exponent).clamp(-100, 100);
    Scale { mantissa: (value * 2f64.powi(shift)).round() as u32, shift: shift as i8 }
}

/// How integer samples enter: directly where one scale and an integer zero point describe them. Also gives
/// the input's scale and zero point in that case. Bytes 0..=255 are stored minus 128.
pub fn input_form(raw: Option<&RawInput>) -> (InputForm, Option<QuantParams>) {
    let Some(raw) = raw else { return (InputForm::Direct, None) };
    let origin = if raw.kind == RawKind::U8 { 128.0 } else { 0.0 };
    let zero: Vec<f64> = raw.zero.iter().map(|z| z - origin).collect();
    let same = |v: &[f64]| v.windows(2).all(|w| w[0] == w[1]);
    let (lo, hi) = Dtype::I8.range();
    match (zero.first(), raw.scale.first()) {
        (Some(&z), Some(&scale))
            if same(&zero)
                && same(&raw.scale)
                && z.fract() == 0.0
                && (f64::from(lo)..=f64::from(hi)).contains(&z) =>
        {
            (InputForm::Direct, Some(QuantParams { scale, zero_point: z as i32 }))
        }
        _ => (InputForm::PerChannel { scale: raw.scale.clone(), zero }, None),
    }
}
