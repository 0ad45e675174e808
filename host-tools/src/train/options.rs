//! How a network is trained: the `[train]` section of a job.

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::data::Augment;

/// What is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Cross entropy with the labels.
    CrossEntropy,
    /// Kullback-Leibler divergence from the float network's probabilities (Hinton et al. 2015), mixed with cross
    /// entropy by `distill_weight`.
    #[default]
    Distill,
    /// Mean squared error to the float network's output: regression.
    Mse,
    /// Mean squared error to the network's own input: autoencoders.
    Reconstruct,
}

/// The optimiser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Adam (Kingma and Ba 2015) with decoupled weight decay.
    Adam,
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// To 0 along half a cosine over all epochs.
    #[default]
    Cosine,
    /// By `step_factor` every `step_epochs`.
    Step,
    /// Not at all.
    Constant,
}

/// How weight scales are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightScaling {
    /// Learned step size (Esser et al. 2020), one per output channel.
    #[default]
    Learned,
    /// `max|w| / (2^(b-1) - 1)` of the present weights (HAWQ).
    Max,
    /// The present weights without the outermost, see `percentile`.
    Percentile,
}

/// How the scales of tensors are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationScaling {
    /// Learned step size; the zero point stays.
    #[default]
    Learned,
    /// Average of every batch's range, see `momentum_ranges`.
    MovingAverage,
    /// Average of every batch's range without the outermost values, see `percentile`.
    Percentile,
}

/// Which quantised values let gradients pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClipGradient {
    /// Those that are not saturated.
    #[default]
    Masked,
    /// All (HAWQ).
    Open,
}

/// Where training computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceName {
    /// The host's processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU; needs the cargo feature `cuda`.
    Cuda,
    /// Any GPU of wgpu; needs the cargo feature `wgpu`.
    Wgpu,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainOptions {
    /// Passes over the training data; 0: post-training quantisation only.
    pub epochs: usize,
    /// Samples in a batch.
    pub batch: usize,
    /// Where it computes.
    pub device: DeviceName,
    /// What is minimised.
    pub loss: Loss,
    /// Share of the divergence in `distill`, the rest is cross entropy.
    pub distill_weight: f64,
    /// Temperature of `distill`.
    pub temperature: f64,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Learning rate of weights.
    pub rate: f64,
    /// Learning rate of scales, as a multiple of `rate`.
    pub scale_rate: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Weight decay of weights.
    pub decay: f64,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Epochs between two falls of `step`.
    pub step_epochs: usize,
    /// Factor of a fall of `step`.
    pub step_factor: f64,
    /// Epochs, or part of one, in which the learning rate rises from 0.
    pub warmup: f64,
    /// Largest norm of all gradients together; 0: any.
    pub clip_norm: f64,
    /// Share of the training data that is used.
    pub share: f64,
    /// Samples held out of the training data to choose the best epoch by.
    pub validation: usize,
    /// Joined part of the training data, from 0, that validation is taken from; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_part: Option<usize>,
    /// How weight scales are found.
    pub weight_scales: WeightScaling,
    /// How the scales of tensors are found.
    pub activation_scales: ActivationScaling,
    /// Weight of the past in moving ranges.
    pub momentum_ranges: f64,
    /// Share of the values within either bound in per cent.
    pub percentile: f64,
    /// Which quantised values let gradients pass.
    pub clip_gradient: ClipGradient,
    /// Epochs with BatchNorm unfolded, on statistics of the batch, before it is frozen and folded.
    pub fold_after: usize,
    /// Random changes of the samples.
    pub augment: Augment,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 0,
            batch: 128,
            device: DeviceName::default(),
            loss: Loss::default(),
            distill_weight: 1.0,
            temperature: 1.0,
            optimizer: Optimizer::default(),
            rate: 0.001,
            scale_rate: 1.0,
            momentum: 0.9,
            decay: 1e-4,
            schedule: Schedule::default(),
            step_epochs: 30,
            step_factor: 0.1,
            warmup: 0.0,
            clip_norm: 0.0,
            share: 1.0,
            validation: 500,
            validation_part: None,
            weight_scales: WeightScaling::default(),
            activation_scales: ActivationScaling::default(),
            momentum_ranges: 0.99,
            percentile: 99.99,
            clip_gradient: ClipGradient::default(),
            fold_after: 0,
            augment: Augment::default(),
        }
    }
}

impl TrainOptions {
    /// Checks every number.
    ///
    /// # Errors
    /// [`TrainError::Option`] with the key and what is allowed.
    pub fn check(&self) -> Result<(), TrainError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let rules = [
            (self.batch > 0, "batch", "must be at least 1"),
            (positive(self.rate), "rate", "must be above 0"),
            (self.scale_rate >= 0.0, "scale_rate", "must be at least 0"),
            ((0.0..1.0).contains(&self.momentum), "momentum", "must be at least 0 and below 1"),
            (self.decay >= 0.0, "decay", "must be at least 0"),
            (self.warmup >= 0.0, "warmup", "must be at least 0"),
            (self.clip_norm >= 0.0, "clip_norm", "must be at least 0; 0 is no limit"),
            (share(self.distill_weight), "distill_weight", "must be from 0 to 1"),
            (positive(self.temperature), "temperature", "must be above 0"),
            (self.step_epochs > 0, "step_epochs", "must be at least 1"),
            (positive(self.step_factor), "step_factor", "must be above 0"),
            (self.share > 0.0 && share(self.share), "share", "must be above 0 and at most 1"),
            ((0.0..1.0).contains(&self.momentum_ranges), "momentum_ranges", "must be at least 0 and below 1"),
            (
                self.percentile > 50.0 && self.percentile <= 100.0,
                "percentile",
                "must be above 50 and at most 100",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, key, remedy)) => Err(TrainError::Option { key, remedy }),
            None => Ok(()),
        }
    }
}
