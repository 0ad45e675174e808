//! The forward pass of training: the steps of the integer network on batches of tensors that hold the runtime's
//! integers, relative to their zero points, in f32. Gradients follow from `operations`.

mod accumulate;
mod observe;
mod simple;
mod site;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{Dtype, WeightBits};
use runtime::format::{Op, Operand};

use super::TrainError;
use super::parameters::{Leaves, Parameters};
use crate::calibrate::QuantParams;
use crate::lower::{Network, StepInfo};

pub(super) use observe::{Observed, Watch};
pub(super) use site::Clipping;

/// What one pass is to do beside computing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    /// Which results let gradients pass.
    pub clipping: Clipping,
    /// Whether BatchNorms kept apart normalise by the batch's own statistics.
    pub live_norms: bool,
    /// Which ranges to look at.
    pub watch: Watch,
}

/// Statistics of a batch at one BatchNorm.
#[derive(Clone, Debug)]
pub(super) struct BatchStatistics {
    /// Layer with weights.
    pub layer: usize,
    /// Mean by channel, `[c]`.
    pub mean: Tensor<1>,
    /// Variance by channel, `[c]`.
    pub var: Tensor<1>,
}

/// What one pass gives.
#[derive(Debug)]
pub(super) struct Outputs {
    /// Every tensor of the network by its index: integers minus the zero point, `[n, h, w, c]`.
    pub tensors: Vec<Option<Tensor<4>>>,
    /// The network's output in real numbers, `[n, values]`.
    pub logits: Tensor<2>,
    /// Statistics of live BatchNorms.
    pub statistics: Vec<BatchStatistics>,
    /// Ranges of watched tensors.
    pub observed: Vec<Observed>,
}

/// One pass in progress.
struct Pass<'p> {
    network: &'p Network,
    constants: &'p [u8],
    parameters: &'p Parameters,
    leaves: &'p Leaves,
    device: &'p Device,
    mode: Mode,
    batch: usize,
    tensors: Vec<Option<Tensor<4>>>,
    statistics: Vec<BatchStatistics>,
    observed: Vec<Observed>,
    layer: usize,
}

/// Runs a batch of packed 8-bit inputs through the network.
///
/// # Errors
/// [`TrainError::Unsupported`] for a step that training cannot compute, [`TrainError::Damaged`] for a network
/// whose steps read what nothing wrote.
pub(super) fn forward(
    network: &Network,
    parameters: &Parameters,
    leaves: &Leaves,
    device: &Device,
    input: &[u8],
    mode: Mode,
) -> Result<Outputs, TrainError> {
    let constants = network.constants.clone().into_bytes();
    let [h, w, c] = network.input.dims.map(usize::from);
    let batch = input.len() / (h * w * c).max(1);
    let zero = f32::from(network.input.zero);
    let values: Vec<f32> = input.iter().map(|&byte| f32::from(byte as i8) - zero).collect();
    let mut pass = Pass {
        network,
        constants: &constants,
        parameters,
        leaves,
        device,
        mode,
        batch,
        tensors: vec![None; network.tensors.len()],
        statistics: Vec::new(),
        observed: Vec::new(),
        layer: 0,
    };
    let input = Tensor::<4>::from_data(TensorData::new(values, [batch, h, w, c]), device);
    pass.tensors[network.input.offset as usize] = Some(input);
    for (step, info) in network.steps.iter().zip(&network.infos) {
        let y = pass.step(&step.op, &step.output, info)?;
        pass.tensors[step.output.offset as usize] = Some(y);
    }
    let output = pass.operand(&network.output)?;
    let scale = pass.params(&network.output).scale as f32;
    let logits = output.flatten::<2>(1, 3).mul_scalar(scale);
    let Pass { tensors, statistics, observed, .. } = pass;
    Ok(Outputs { tensors, logits, statistics, observed })
}

impl Pass<'_> {
    fn step(&mut self, op: &Op, output: &Operand, info: &StepInfo) -> Result<Tensor<4>, TrainError> {
        match op {
            Op::Conv2d { .. } | Op::Depthwise { .. } | Op::Dense { .. } => self.accumulate(op, output, info),
            _ => self.simple(op, output, info),
        }
    }

    /// An operand in its own shape.
    fn operand(&self, operand: &Operand) -> Result<Tensor<4>, TrainError> {
        let tensor = self.tensors.get(operand.offset as usize).and_then(Option::as_ref);
        let tensor = tensor.ok_or(TrainError::Damaged)?.clone();
        let [h, w, c] = operand.dims.map(usize::from);
        Ok(if tensor.dims() == [self.batch, h, w, c] {
            tensor
        } else {
            tensor.reshape([self.batch, h, w, c])
        })
    }

    fn params(&self, operand: &Operand) -> QuantParams {
        self.network.tensors[operand.offset as usize].params
    }

    fn row(&self, values: Vec<f32>) -> Tensor<1> {
        let length = values.len();
        Tensor::from_data(TensorData::new(values, [length]), self.device)
    }

    fn indices(&self, values: Vec<i32>) -> Tensor<1, Int> {
        let length = values.len();
        Tensor::from_data(TensorData::new(values, [length]), self.device)
    }

    /// 32-bit words of CONST.
    fn words(&self, offset: u32, count: usize) -> Result<Vec<i32>, TrainError> {
        let start = offset as usize;
        let bytes = self.constants.get(start..start + 4 * count).ok_or(TrainError::Damaged)?;
        Ok(bytes.chunks_exact(4).map(|w| i32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect())
    }
}

/// Largest distance from the zero point that an operand's integers can have.
fn reach(operand: &Operand) -> i64 {
    let (lo, hi) = Dtype::from(operand.dtype).range();
    let zero = i64::from(operand.zero);
    (i64::from(hi) - zero).max(zero - i64::from(lo))
}

/// Names of the steps whose accumulators f32 does not hold exactly: the sum of magnitudes can pass 2^24. Their
/// integers in training may differ from the runtime's by rounding.
pub(super) fn inexact(network: &Network) -> Vec<String> {
    let steps = network.steps.iter().zip(&network.infos);
    let beyond = steps.filter(|(step, info)| {
        let Some(x) = step.op.operands().next() else { return false };
        let largest = info.channels.iter().map(|channel| magnitude(&channel.weights)).max();
        largest.unwrap_or(0) * reach(x) >= 1 << 24
    });
    beyond.map(|(_, info)| info.name.clone()).collect()
}

fn magnitude(weights: &[i8]) -> i64 {
    weights.iter().map(|w| i64::from(w.unsigned_abs())).sum()
}

/// Width of a step's weights.
fn width(info: &StepInfo) -> WeightBits {
    match info.weight_bits {
        2 => WeightBits::W2,
        4 => WeightBits::W4,
        _ => WeightBits::W8,
    }
}
