//! Command-line overrides, one for every key of the job.

use super::file::{DataFile, JobFile, QuantizeFile};
use super::sensitivity_args::SensitivityArgs;
use super::train_args::TrainArgs;
use super::{Bytes, Count, JobError, MethodName, NamedRule, Scheme, Time, Widths};
use crate::budget::{Ranking, Sweep};
use crate::data::{Layout, Normalize, Pick, PixelRange, Source, Spec};
use serde::Deserialize;
use serde::de::value::{Error as NameError, StrDeserializer};
use std::path::PathBuf;

/// Arguments of `quantize`. Without any it runs the embedded job.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct QuantizeArgs {
    /// Job file; all other arguments override its keys
    pub job: Option<PathBuf>,
    /// Float network, an ONNX file
    #[arg(long, value_name = "NET.onnx")]
    pub model: Option<PathBuf>,
    /// Name for people and for the output folder [default: the network's file name]
    #[arg(long)]
    pub name: Option<String>,
    /// Seed of everything random [default: 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Data for training and testing; every fifth sample is held out unless the kind has two parts
    #[arg(long, value_name = "SPEC", conflicts_with_all = ["train", "test"])]
    pub data: Option<Spec>,
    /// Data for training
    #[arg(long, value_name = "SPEC")]
    pub train: Option<Spec>,
    /// Held-out data
    #[arg(long, value_name = "SPEC")]
    pub test: Option<Spec>,
    /// Data for ranges [default: the training data]
    #[arg(long, value_name = "SPEC")]
    pub calibrate: Option<Spec>,
    /// Order of the elements where the file does not tell: hwc, chw
    #[arg(long, value_parser = named::<Layout>)]
    pub layout: Option<Layout>,
    /// Real value of one step of the stored numbers
    #[arg(long)]
    pub scale: Option<f64>,
    /// Stored number that means 0
    #[arg(long, allow_negative_numbers = true)]
    pub zero: Option<f64>,
    /// Range of image bytes: 0..255, 0..1
    #[arg(long, value_parser = named::<PixelRange>)]
    pub pixels: Option<PixelRange>,
    /// Normalisation per channel, such as 0.485,0.456,0.406/0.229,0.224,0.225
    #[arg(long, value_name = "MEAN/STD", value_parser = normalize, allow_hyphen_values = true)]
    pub normalize: Option<Normalize>,
    /// Bits of all weights and all activations: w8a8, w4a8, w4a4, w2a8 ...; mixed: chosen layer by layer
    #[arg(long)]
    pub scheme: Option<Scheme>,
    /// Bits of weights: 8, 4, 2, or a list to choose from, such as 8,4,2 [default: 8]
    #[arg(long, value_name = "BITS")]
    pub weights: Option<Widths>,
    /// Bits of activations: 8, 4, or a list [default: 8]
    #[arg(long, value_name = "BITS")]
    pub activations: Option<Widths>,
    /// Bits of the first and the last layer's weights [default: 8]
    #[arg(long, value_name = "BITS")]
    pub first_last: Option<u8>,
    /// Bits of the sums of residual blocks: 8, 16 [default: 8]
    #[arg(long, value_name = "BITS")]
    pub residual: Option<u8>,
    /// Widths of one layer, or of all whose names begin so (block1*): w8, a8, w4a8; lists leave a choice: w8,4a8
    #[arg(long, value_name = "NAME=WIDTHS")]
    pub layer: Vec<NamedRule>,
    /// How bits are chosen: hessian, eigenvalue, output-error, loss, hawq-v1, hawq-v2, uniform, random
    /// [default: hessian]
    #[arg(long, value_parser = named::<Ranking>)]
    pub ranking: Option<Ranking>,
    /// Seed of bits chosen by chance, where training keeps its own [default: the job's seed]
    #[arg(long, value_name = "SEED")]
    pub assign_seed: Option<u64>,
    /// Which limit the front of best choices is over: all, flash, ram, cycles, bops [default: all]
    #[arg(long, value_name = "LIMIT", value_parser = named::<Sweep>)]
    pub sweep: Option<Sweep>,
    /// Points of the front over one limit [default: 12]
    #[arg(long, value_name = "COUNT")]
    pub points: Option<usize>,
    /// How sensitivities are measured.
    #[command(flatten)]
    pub sensitivity: SensitivityArgs,
    /// How ranges are found: minmax, moving-average, percentile, mse [default: mse]
    #[arg(long, value_name = "METHOD", value_parser = named::<MethodName>)]
    pub calibration: Option<MethodName>,
    /// Weight of the past in the moving average [default: 0.99]
    #[arg(long)]
    pub momentum: Option<f64>,
    /// Share of the values within either bound in per cent [default: 99.99]
    #[arg(long)]
    pub percentile: Option<f64>,
    /// Calibration samples, evenly spaced over the data [default: 200]
    #[arg(long)]
    pub samples: Option<usize>,
    /// How the network is trained.
    #[command(flatten)]
    pub qat: TrainArgs,
    /// At most so many test samples, evenly spaced [default: all]
    #[arg(long)]
    pub limit: Option<usize>,
    /// Emulated board, a chip such as stm32f446, or a GPU such as t4 [default: mps2-an386]
    #[arg(long)]
    pub board: Option<String>,
    /// Flash for the model file, such as 64K
    #[arg(long, value_name = "BYTES")]
    pub flash: Option<Bytes>,
    /// RAM for the arena, such as 32K
    #[arg(long, value_name = "BYTES")]
    pub ram: Option<Bytes>,
    /// Time of an inference on the board, such as 20ms or 3.6Mcycles; needs a latency table of its core
    #[arg(long, value_name = "TIME")]
    pub latency: Option<Time>,
    /// Latency table that a benchmark wrote [default: the board's own, where it has one]
    #[arg(long, value_name = "FILE")]
    pub latency_table: Option<PathBuf>,
    /// Bit operations of an inference (weight bits x activation bits x multiply-adds), such as 1.2G
    #[arg(long, value_name = "COUNT")]
    pub bops: Option<Count>,
    /// Output folder [default: out/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Test vectors in the model file [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub golden: Option<usize>,
    /// Leave out names, scales and origin
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strip_meta: Option<bool>,
}

impl QuantizeArgs {
    /// Writes the given ones into a job.
    pub(super) fn apply(&self, file: &mut JobFile) -> Result<(), JobError> {
        fn set<T: Clone>(key: &mut Option<T>, given: &Option<T>) {
            if given.is_some() {
                key.clone_from(given);
            }
        }
        if let Some(spec) = &self.data {
            file.data = split(spec);
        }
        if self.scale.is_some() {
            file.input.pixels = None;
        }
        if self.pixels.is_some() {
            file.input.scale = None;
        }
        let mut bits = QuantizeFile {
            scheme: self.scheme,
            weights: self.weights.clone(),
            activations: self.activations.clone(),
            ..QuantizeFile::default()
        };
        bits.expand()?;
        set(&mut file.quantize.weights, &bits.weights);
        set(&mut file.quantize.activations, &bits.activations);
        set(&mut file.quantize.first_last, &self.first_last);
        set(&mut file.quantize.residual, &self.residual);
        file.quantize.layers.add(&self.layer);
        set(&mut file.model, &self.model);
        set(&mut file.name, &self.name);
        set(&mut file.seed, &self.seed);
        set(&mut file.data.train, &self.train);
        set(&mut file.data.test, &self.test);
        set(&mut file.data.calibrate, &self.calibrate);
        set(&mut file.input.layout, &self.layout);
        set(&mut file.input.scale, &self.scale);
        set(&mut file.input.zero, &self.zero);
        set(&mut file.input.pixels, &self.pixels);
        set(&mut file.input.normalize, &self.normalize);
        set(&mut file.calibrate.method, &self.calibration);
        set(&mut file.calibrate.momentum, &self.momentum);
        set(&mut file.calibrate.percentile, &self.percentile);
        set(&mut file.calibrate.samples, &self.samples);
        file.assign.ranking = self.ranking.unwrap_or(file.assign.ranking);
        set(&mut file.assign.seed, &self.assign_seed);
        file.assign.sweep = self.sweep.unwrap_or(file.assign.sweep);
        file.assign.points = self.points.unwrap_or(file.assign.points);
        self.sensitivity.apply(&mut file.sensitivity);
        self.qat.apply(&mut file.train);
        set(&mut file.evaluate.limit, &self.limit);
        set(&mut file.target.board, &self.board);
        set(&mut file.target.flash, &self.flash);
        set(&mut file.target.ram, &self.ram);
        set(&mut file.target.latency, &self.latency);
        set(&mut file.target.latency_table, &self.latency_table);
        set(&mut file.target.bops, &self.bops);
        set(&mut file.output.dir, &self.out);
        set(&mut file.output.golden, &self.golden);
        set(&mut file.output.strip_meta, &self.strip_meta);
        Ok(())
    }
}

/// One SPEC for everything: IDX folders hold two parts, of other sources every fifth sample is held out. The
/// selection is made before sources are repeated, so that copies of a sample stay together.
fn split(spec: &Spec) -> DataFile {
    let part = |not| {
        let mut spec = spec.clone();
        for piece in spec.pieces.iter_mut().filter(|piece| !matches!(piece.source, Source::Idx(_))) {
            piece.picks.push(Pick::Modulo { rest: 0, modulus: 5, not });
        }
        Some(spec)
    };
    DataFile { train: part(true), test: part(false), calibrate: None }
}

/// A value by the name it has in the job file.
pub(crate) fn named<T: for<'de> Deserialize<'de>>(name: &str) -> Result<T, NameError> {
    T::deserialize(StrDeserializer::new(name))
}

fn normalize(text: &str) -> Result<Normalize, String> {
    let list = |part: &str| -> Option<Vec<f64>> { part.split(',').map(|v| v.trim().parse().ok()).collect() };
    let parsed =
        text.split_once('/').and_then(|(mean, std)| Some(Normalize { mean: list(mean)?, std: list(std)? }));
    parsed.ok_or_else(|| "expected MEAN/STD, lists of numbers such as 0.5,0.5,0.5/0.2,0.2,0.2".to_string())
}
