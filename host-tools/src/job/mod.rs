//! The job: what to quantise, with which data, how, for what. One TOML file; every key has a command-line
//! override; [`Job`] is complete and can be written back.
//!
//! Relative paths are relative to where they are written: in a file to its folder, on the command line to the
//! current directory.

mod args;
mod error;
mod file;
mod keys;
mod layer_rules;
mod paths;
mod scheme;
mod sensitivity_args;
mod train_args;
mod units;
mod widths;

#[cfg(test)]
mod tests;

pub use args::QuantizeArgs;
pub use error::JobError;
pub use layer_rules::{LayerRule, LayerRules, LayerWidths, NamedRule};
pub use scheme::Scheme;
pub use sensitivity_args::SensitivityArgs;
pub use train_args::TrainArgs;
pub use units::{Bytes, Count, Time};
pub use widths::Widths;

use crate::budget::{Ranking, Sweep};
use crate::calibrate::Method;
use crate::data::{DataError, Dataset, InputOptions, Layout, Normalize, Part, Pick, PixelRange, Spec};
use crate::graph::Shape;
use crate::sensitivity::SensitivityOptions;
use crate::train::TrainOptions;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A complete job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    /// Name for people and for the output folder.
    pub name: String,
    /// The float network, an ONNX file.
    pub model: PathBuf,
    /// Seed of everything random.
    pub seed: u64,
    /// Where samples come from.
    pub data: Data,
    /// From stored numbers to the network's input.
    pub input: Input,
    /// Bit widths.
    pub quantize: Quantize,
    /// How ranges are found.
    pub calibrate: Calibrate,
    /// How sensitivities are measured where bits are chosen.
    pub sensitivity: SensitivityOptions,
    /// How bits are chosen where there is a choice.
    pub assign: Assign,
    /// How the network is trained for its bits.
    pub train: TrainOptions,
    /// How accuracy is measured.
    pub evaluate: Evaluate,
    /// What it is for.
    pub target: Target,
    /// What is written.
    pub output: Output,
}

/// Data sets of a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Data {
    /// For training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Spec>,
    /// Held out.
    pub test: Spec,
    /// For ranges; the training part unless declared.
    pub calibrate: Spec,
}

/// The input transform; see [`InputOptions`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Order of the elements where the file does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Real value of one step of the stored numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Stored number that means 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zero: Option<f64>,
    /// Range of image bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelRange>,
    /// Normalisation per channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
}

/// Bit widths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quantize {
    /// Weights: 8, 4 or 2, or a choice of them.
    pub weights: Widths,
    /// Activations: 8 or 4, or both to choose from.
    pub activations: Widths,
    /// Weights of the first and the last layer: 8, 4 or 2.
    pub first_last: u8,
    /// Sums of residual blocks: 8 or 16.
    pub residual: u8,
    /// Widths of single layers.
    #[serde(skip_serializing_if = "LayerRules::is_empty")]
    pub layers: LayerRules,
}

/// How bits are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Assign {
    /// By what bits are chosen.
    pub ranking: Ranking,
    /// Seed of a choice by chance; the job's own unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Which limit the front of best choices is over.
    pub sweep: Sweep,
    /// Points of the front over one limit.
    pub points: usize,
}

impl Default for Assign {
    fn default() -> Self {
        Self { ranking: Ranking::default(), seed: None, sweep: Sweep::default(), points: 12 }
    }
}

/// Name of a calibration method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodName {
    /// Smallest and largest value.
    #[serde(rename = "minmax")]
    MinMax,
    /// Average over batches.
    MovingAverage,
    /// Without the outermost values.
    Percentile,
    /// Least mean squared error.
    Mse,
}

/// How ranges are found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Calibrate {
    /// The method.
    pub method: MethodName,
    /// Weight of the past in the moving average.
    pub momentum: f64,
    /// Share of the values within either bound, in per cent.
    pub percentile: f64,
    /// Samples, evenly spaced over the data.
    pub samples: usize,
}

/// How accuracy is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evaluate {
    /// At most so many test samples, evenly spaced; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What the model is for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// Name of the board, of a chip or a GPU.
    pub board: String,
    /// Most bytes of the model file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<Bytes>,
    /// Most bytes of the arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram: Option<Bytes>,
    /// Longest inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Time>,
    /// Measured times of the board's steps, in a file that a benchmark wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_table: Option<PathBuf>,
    /// Most bit operations of an inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bops: Option<Count>,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// Output folder.
    pub dir: PathBuf,
    /// Test vectors in the model file.
    pub golden: usize,
    /// Whether to leave out names, scales and origin.
    pub strip_meta: bool,
}

impl Quantize {
    /// Whether bits are to be chosen layer by layer.
    pub fn is_mixed(&self) -> bool {
        self.weights.is_choice() || self.activations.is_choice() || self.layers.is_choice()
    }

    /// Widths that every layer with weights may take, given their names in the network's order.
    ///
    /// # Errors
    /// [`JobError::Value`] where a rule fits no layer.
    pub fn widths(&self, names: &[&str]) -> Result<Vec<LayerWidths>, JobError> {
        let inner = LayerWidths { weights: self.weights.clone(), activations: self.activations.clone() };
        let outer = LayerWidths {
            weights: Widths::one(self.first_last),
            activations: Widths::one(if self.first_last == 8 { 8 } else { self.activations.widest() }),
        };
        let own = |i: usize| if i == 0 || i + 1 == names.len() { outer.clone() } else { inner.clone() };
        let mut widths = (0..names.len()).map(own).collect::<Vec<_>>();
        self.layers.apply(names, &mut widths)?;
        Ok(widths)
    }

    /// `w4a8`, or `mixed` where layers differ or a choice is left.
    pub fn scheme(&self) -> String {
        if self.is_mixed() || !self.layers.is_empty() {
            "mixed".to_owned()
        } else {
            format!("w{}a{}", self.weights, self.activations)
        }
    }
}

impl Calibrate {
    /// The method with its parameter.
    pub fn method(&self) -> Method {
        match self.method {
            MethodName::MinMax => Method::MinMax,
            MethodName::MovingAverage => Method::MovingAverage { momentum: self.momentum },
            MethodName::Percentile => Method::Percentile { percentile: self.percentile },
            MethodName::Mse => Method::Mse,
        }
    }
}

impl Input {
    /// The transform for a network with this input.
    pub fn options(&self, shape: Shape) -> InputOptions {
        let Input { layout, scale, zero, pixels, normalize } = self.clone();
        InputOptions { shape: Some(shape), layout, scale, zero, pixels, normalize }
    }
}

impl Job {
    /// The job that runs without arguments: the digits that come with the project.
    pub fn embedded_path() -> PathBuf {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR"));
        tools.parent().unwrap_or(tools).join("assets/digits/job.toml")
    }

    /// The job of a command line: the file if there is one, the overrides, the defaults. Without a file and
    /// without `--model` it is the embedded job.
    ///
    /// # Errors
    /// Everything that [`JobError`] lists.
    pub fn from_args(args: &QuantizeArgs) -> Result<Self, JobError> {
        let mut file = match (&args.job, &args.model) {
            (Some(path), _) => file::JobFile::read(path)?,
            (None, None) => file::JobFile::read(&Self::embedded_path())?,
            (None, Some(_)) => file::JobFile::default(),
        };
        args.apply(&mut file)?;
        file.complete()
    }

    /// The complete job as text, for a file in `dir`.
    ///
    /// # Errors
    /// [`JobError::Value`] when a path is not Unicode.
    pub fn to_toml(&self, dir: &Path) -> Result<String, JobError> {
        let mut job = self.clone();
        let moved = |path: &Path| paths::relative(path, dir);
        job.model = moved(&job.model);
        job.output.dir = moved(&job.output.dir);
        job.data.test.map_paths(moved);
        job.data.calibrate.map_paths(moved);
        if let Some(train) = &mut job.data.train {
            train.map_paths(moved);
        }
        job.target.latency_table = job.target.latency_table.as_deref().map(moved);
        toml::to_string(&job).map_err(|error| JobError::value("job", error.to_string()))
    }

    /// Loads the calibration samples for a network with this input.
    ///
    /// # Errors
    /// As [`Spec::load`].
    pub fn load_calibration(&self, shape: Shape) -> Result<Dataset, DataError> {
        let spec = self.data.calibrate.with(Pick::Spread(self.calibrate.samples));
        spec.load(Part::Train, &self.input.options(shape))
    }

    /// Loads the test samples for a network with this input.
    ///
    /// # Errors
    /// As [`Spec::load`].
    pub fn load_test(&self, shape: Shape) -> Result<Dataset, DataError> {
        let test = &self.data.test;
        let spec = self.evaluate.limit.map_or_else(|| test.clone(), |limit| test.with(Pick::Spread(limit)));
        spec.load(Part::Test, &self.input.options(shape))
    }

    /// Loads so many training samples (those for ranges, where the job has no others), evenly spaced, for a network
    /// with this input.
    ///
    /// # Errors
    /// As [`Spec::load`].
    pub fn load_spread(&self, shape: Shape, samples: usize) -> Result<Dataset, DataError> {
        let spec = self.data.train.as_ref().unwrap_or(&self.data.calibrate).with(Pick::Spread(samples));
        spec.load(Part::Train, &self.input.options(shape))
    }

    /// Loads the training samples for a network with this input; `None` when the job has none.
    ///
    /// # Errors
    /// As [`Spec::load`].
    pub fn load_train(&self, shape: Shape) -> Result<Option<Dataset>, DataError> {
        let train = self.data.train.as_ref();
        train.map(|spec| spec.load(Part::Train, &self.input.options(shape))).transpose()
    }
}
