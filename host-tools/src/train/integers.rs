//! The integers of training's forward pass, for tests that compare them with the runtime's.

use burn::tensor::Device;

use super::trainer::{Source, Trainer};
use super::{TrainError, TrainOptions};
use crate::lower::Lowered;

/// One evaluation pass.
#[derive(Clone, Debug)]
pub struct ForwardIntegers {
    /// The network that training would write: its parameters are 32-bit floats, so a constant may differ in the
    /// last place from that of the recipe it started from.
    pub lowered: Lowered,
    /// The integers of every step's result, `[n, h, w, c]`, in the order of the steps.
    pub steps: Vec<Vec<i32>>,
    /// Steps that f32 cannot be exact in.
    pub inexact: Vec<String>,
}

/// Runs packed 8-bit inputs through the network as training evaluates it: BatchNorm folded, no gradients.
///
/// # Errors
/// See [`TrainError`].
pub fn forward_integers(
    source: Source,
    options: &TrainOptions,
    input: &[u8],
) -> Result<ForwardIntegers, TrainError> {
    let mut trainer = Trainer::new(source, options, Device::flex())?;
    let (network, outputs) = trainer.evaluate(input)?;
    let steps = network
        .steps
        .iter()
        .map(|step| {
            let tensor = outputs.tensors.get(step.output.offset as usize).cloned().flatten();
            let data = tensor.ok_or(TrainError::Damaged)?.into_data();
            let values = data.as_slice::<f32>().map_err(|_| TrainError::Damaged)?;
            Ok(values.iter().map(|&v| v as i32 + i32::from(step.output.zero)).collect())
        })
        .collect::<Result<_, TrainError>>()?;
    let inexact = super::forward::inexact(&network);
    let (_, _, lowered) = trainer.lowered()?;
    Ok(ForwardIntegers { lowered, steps, inexact })
}
