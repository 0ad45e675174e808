//! What is minimised, from the network's outputs in real numbers.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor, TensorData};

use super::options::{Loss, TrainOptions};

/// What a batch is compared with.
#[derive(Clone, Debug)]
pub(super) struct Target<'t> {
    /// Class of every sample.
    pub labels: &'t [u32],
    /// Real numbers, `[n, values]`: the float network's outputs, or the inputs for `reconstruct`; empty for cross
    /// entropy.
    pub real: &'t [f32],
}

impl Loss {
    /// Whether the float network's outputs are needed.
    pub fn needs_teacher(self) -> bool {
        matches!(self, Self::Distill | Self::Mse)
    }
}

/// The loss of a batch, a scalar. `logits` are `[n, values]`.
pub(super) fn loss(logits: Tensor<2>, target: &Target, options: &TrainOptions) -> Tensor<1> {
    let [n, values] = logits.dims();
    let device = logits.device();
    let real = || Tensor::<2>::from_data(TensorData::new(target.real.to_vec(), [n, values]), &device);
    match options.loss {
        Loss::CrossEntropy => cross_entropy(logits, target.labels),
        Loss::Mse | Loss::Reconstruct => {
            let difference = logits - real();
            (difference.clone() * difference).mean()
        }
        Loss::Distill => {
            let weight = options.distill_weight as f32;
            let soft = divergence(logits.clone(), real(), options.temperature as f32);
            if weight >= 1.0 {
                return soft;
            }
            soft.mul_scalar(weight) + cross_entropy(logits, target.labels).mul_scalar(1.0 - weight)
        }
    }
}

fn cross_entropy(logits: Tensor<2>, labels: &[u32]) -> Tensor<1> {
    let n = labels.len();
    let labels: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [n, 1]), &logits.device());
    log_softmax(logits, 1).gather(1, labels).mean().neg()
}

/// `T^2 KL(softmax(teacher / T) || softmax(student / T))`, summed over the classes and averaged over the batch
/// (Hinton et al. 2015; the reference's average over classes too makes it a thousand times smaller).
fn divergence(student: Tensor<2>, teacher: Tensor<2>, temperature: f32) -> Tensor<1> {
    let [n, _] = student.dims();
    let target = softmax(teacher.clone().div_scalar(temperature), 1);
    let log_target = log_softmax(teacher.div_scalar(temperature), 1);
    let log_student = log_softmax(student.div_scalar(temperature), 1);
    (target * (log_target - log_student)).sum().mul_scalar(temperature * temperature / n as f32)
}
