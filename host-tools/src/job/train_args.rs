//! Command-line overrides of the `[train]` section.

use super::args::named;
use crate::train::data::Fill;
use crate::train::{
    ActivationScaling, ClipGradient, DeviceName, Loss, Optimizer, Schedule, TrainOptions, WeightScaling,
};

/// Arguments of `quantize` for training.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Training")]
pub struct TrainArgs {
    /// Epochs of quantization-aware training; 0: post-training only [default: 0]
    #[arg(long, value_name = "EPOCHS")]
    pub qat: Option<usize>,
    /// Go on from the checkpoint of an interrupted run
    #[arg(long)]
    pub resume: bool,
    /// Where to train: cpu, cuda, wgpu [default: cpu]
    #[arg(long, value_parser = named::<DeviceName>)]
    pub device: Option<DeviceName>,
    /// Samples in a batch [default: 128]
    #[arg(long)]
    pub batch: Option<usize>,
    /// What is minimised: distill, cross-entropy, mse, reconstruct [default: distill]
    #[arg(long, value_parser = named::<Loss>)]
    pub loss: Option<Loss>,
    /// Learn from the float network, with this share of its divergence in the loss
    #[arg(long, value_name = "SHARE", num_args = 0..=1, default_missing_value = "1", conflicts_with = "loss")]
    pub distill: Option<f64>,
    /// Temperature of the distillation [default: 1]
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Optimiser: sgd, adam [default: sgd]
    #[arg(long, value_parser = named::<Optimizer>)]
    pub optimizer: Option<Optimizer>,
    /// Learning rate [default: 0.001]
    #[arg(long)]
    pub rate: Option<f64>,
    /// Learning rate of scales as a multiple of the rate [default: 1]
    #[arg(long)]
    pub scale_rate: Option<f64>,
    /// Momentum of sgd [default: 0.9]
    #[arg(long)]
    pub sgd_momentum: Option<f64>,
    /// Weight decay [default: 0.0001]
    #[arg(long)]
    pub decay: Option<f64>,
    /// How the rate falls: cosine, step, constant [default: cosine]
    #[arg(long, value_parser = named::<Schedule>)]
    pub schedule: Option<Schedule>,
    /// Epochs between two falls of the step schedule [default: 30]
    #[arg(long)]
    pub step_epochs: Option<usize>,
    /// Factor of a fall of the step schedule [default: 0.1]
    #[arg(long)]
    pub step_factor: Option<f64>,
    /// Epochs in which the rate rises from 0 [default: 0]
    #[arg(long)]
    pub warmup: Option<f64>,
    /// Largest norm of the gradient; 0: any [default: 0]
    #[arg(long)]
    pub clip_norm: Option<f64>,
    /// Share of the training data that is used [default: 1]
    #[arg(long)]
    pub share: Option<f64>,
    /// Training samples held out to choose the best epoch by [default: 500]
    #[arg(long, value_name = "COUNT")]
    pub validation: Option<usize>,
    /// Joined part of the training data, from 0, that they are taken from [default: any]
    #[arg(long, value_name = "PART")]
    pub validation_part: Option<usize>,
    /// Scales of weights: learned, max, percentile [default: learned]
    #[arg(long, value_parser = named::<WeightScaling>)]
    pub weight_scales: Option<WeightScaling>,
    /// Scales of tensors: learned, moving-average, percentile [default: learned]
    #[arg(long, value_parser = named::<ActivationScaling>)]
    pub activation_scales: Option<ActivationScaling>,
    /// Weight of the past in moving ranges [default: 0.99]
    #[arg(long)]
    pub momentum_ranges: Option<f64>,
    /// Share of the values within either bound in per cent, for percentile scales [default: 99.99]
    #[arg(long)]
    pub scale_percentile: Option<f64>,
    /// Whether saturated values let gradients pass: masked, open [default: masked]
    #[arg(long, value_parser = named::<ClipGradient>)]
    pub clip_gradient: Option<ClipGradient>,
    /// Epochs with BatchNorm unfolded and live [default: 0]
    #[arg(long, value_name = "EPOCHS")]
    pub fold_after: Option<usize>,
    /// Shift samples at random by up to ROWS,COLUMNS [default: 0,0]
    #[arg(long, value_name = "ROWS,COLUMNS", value_parser = pair)]
    pub shift: Option<[usize; 2]>,
    /// What is shifted in: zero, edge, lowest [default: zero]
    #[arg(long, value_parser = named::<Fill>)]
    pub fill: Option<Fill>,
    /// Mirror samples at random
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub flip: Option<bool>,
    /// Largest random change of a stored number [default: 0]
    #[arg(long)]
    pub noise: Option<u8>,
}

impl TrainArgs {
    /// Writes the given ones into a job.
    pub(super) fn apply(&self, options: &mut TrainOptions) {
        fn set<T: Copy>(key: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *key = given;
            }
        }
        set(&mut options.epochs, self.qat);
        set(&mut options.device, self.device);
        set(&mut options.batch, self.batch);
        set(&mut options.loss, self.loss.or(self.distill.map(|_| Loss::Distill)));
        set(&mut options.distill_weight, self.distill);
        set(&mut options.temperature, self.temperature);
        set(&mut options.optimizer, self.optimizer);
        set(&mut options.rate, self.rate);
        set(&mut options.scale_rate, self.scale_rate);
        set(&mut options.momentum, self.sgd_momentum);
        set(&mut options.decay, self.decay);
        set(&mut options.schedule, self.schedule);
        set(&mut options.step_epochs, self.step_epochs);
        set(&mut options.step_factor, self.step_factor);
        set(&mut options.warmup, self.warmup);
        set(&mut options.clip_norm, self.clip_norm);
        set(&mut options.share, self.share);
        set(&mut options.validation, self.validation);
        options.validation_part = self.validation_part.or(options.validation_part);
        set(&mut options.weight_scales, self.weight_scales);
        set(&mut options.activation_scales, self.activation_scales);
        set(&mut options.momentum_ranges, self.momentum_ranges);
        set(&mut options.percentile, self.scale_percentile);
        set(&mut options.clip_gradient, self.clip_gradient);
        set(&mut options.fold_after, self.fold_after);
        set(&mut options.augment.rows, self.shift.map(|[rows, _]| rows));
        set(&mut options.augment.columns, self.shift.map(|[_, columns]| columns));
        set(&mut options.augment.fill, self.fill);
        set(&mut options.augment.flip, self.flip);
        set(&mut options.augment.noise, self.noise);
    }
}

fn pair(text: &str) -> Result<[usize; 2], String> {
    let parsed =
        text.split_once(',').and_then(|(a, b)| Some([a.trim().parse().ok()?, b.trim().parse().ok()?]));
    parsed.ok_or_else(|| "expected ROWS,COLUMNS such as 4,4".to_string())
}
