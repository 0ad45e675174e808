//! A job as it is written, with anything left out; and its completion.

use super::scheme::{ACTIVATION_BITS, WEIGHT_BITS};
use super::{
    Assign, Bytes, Calibrate, Count, Data, Evaluate, Input, Job, JobError, LayerRules, MethodName, Output,
    Quantize, Scheme, Target, Time, Widths, keys,
};
use crate::data::Spec;
use crate::sensitivity::SensitivityOptions;
use crate::train::TrainOptions;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file; also what command-line overrides write into.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct JobFile {
    pub(super) name: Option<String>,
    pub(super) model: Option<PathBuf>,
    pub(super) seed: Option<u64>,
    pub(super) data: DataFile,
    pub(super) input: Input,
    pub(super) quantize: QuantizeFile,
    pub(super) calibrate: CalibrateFile,
    pub(super) sensitivity: SensitivityOptions,
    pub(super) assign: Assign,
    pub(super) train: TrainOptions,
    pub(super) evaluate: EvaluateFile,
    pub(super) target: TargetFile,
    pub(super) output: OutputFile,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DataFile {
    pub(super) train: Option<Spec>,
    pub(super) test: Option<Spec>,
    pub(super) calibrate: Option<Spec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QuantizeFile {
    pub(super) scheme: Option<Scheme>,
    pub(super) weights: Option<Widths>,
    pub(super) activations: Option<Widths>,
    pub(super) first_last: Option<u8>,
    pub(super) residual: Option<u8>,
    pub(super) layers: LayerRules,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CalibrateFile {
    pub(super) method: Option<MethodName>,
    pub(super) momentum: Option<f64>,
    pub(super) percentile: Option<f64>,
    pub(super) samples: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EvaluateFile {
    pub(super) limit: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetFile {
    pub(super) board: Option<String>,
    pub(super) flash: Option<Bytes>,
    pub(super) ram: Option<Bytes>,
    pub(super) latency: Option<Time>,
    pub(super) latency_table: Option<PathBuf>,
    pub(super) bops: Option<Count>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OutputFile {
    pub(super) dir: Option<PathBuf>,
    pub(super) golden: Option<usize>,
    pub(super) strip_meta: Option<bool>,
}

impl QuantizeFile {
    /// Replaces a scheme by the widths it stands for.
    pub(super) fn expand(&mut self) -> Result<(), JobError> {
        let Some(scheme) = self.scheme.take() else { return Ok(()) };
        let [weights, activations] = scheme.widths();
        for (key, widths, own) in [
            ("quantize.weights", weights, &mut self.weights),
            ("quantize.activations", activations, &mut self.activations),
        ] {
            // Beside `mixed` a list narrows the choice.
            if own.is_some() && *own != widths && scheme != Scheme::Mixed {
                return Err(JobError::value(
                    key,
                    format!("contradicts the scheme {scheme}; keep one of them"),
                ));
            }
            if own.is_none() {
                *own = widths;
            }
        }
        Ok(())
    }
}

impl JobFile {
    /// Reads a file; its paths become relative to the current directory.
    pub(super) fn read(path: &Path) -> Result<Self, JobError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| JobError::Read { path: path.to_path_buf(), source })?;
        keys::check(path, &text)?;
        let mut file: Self = toml::from_str(&text).map_err(|error| keys::toml_error(path, &text, &error))?;
        let base = path.parent().unwrap_or(Path::new(""));
        for path in
            [&mut file.model, &mut file.output.dir, &mut file.target.latency_table].into_iter().flatten()
        {
            *path = base.join(&*path);
        }
        let DataFile { train, test, calibrate } = &mut file.data;
        [train, test, calibrate].into_iter().flatten().for_each(|spec| spec.resolve(base));
        file.quantize.expand()?;
        Ok(file)
    }

    /// Fills in the defaults and checks every value.
    pub(super) fn complete(self) -> Result<Job, JobError> {
        let model = self
            .model
            .ok_or_else(|| JobError::value("model", "missing; name the ONNX file here or with --model"))?;
        let stem = || model.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = self.name.unwrap_or_else(stem);
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(JobError::value("name", format!("`{name}` cannot be the name of a folder")));
        }
        let seed = self.seed.unwrap_or(0);
        for (key, seed) in [("seed", seed), ("assign.seed", self.assign.seed.unwrap_or(0))] {
            if i64::try_from(seed).is_err() {
                return Err(JobError::value(key, "must be below 2^63"));
            }
        }
        self.sensitivity.check().map_err(|error| JobError::value("sensitivity", error.to_string()))?;
        if self.assign.points < 2 {
            return Err(JobError::value("assign.points", "must be at least 2: both ends of the front"));
        }
        self.train.check().map_err(|error| JobError::value("train", error.to_string()))?;
        let dir = self.output.dir.unwrap_or_else(|| Path::new("out").join(&name));
        let golden = self.output.golden.unwrap_or(1);
        Ok(Job {
            data: self.data.complete()?,
            quantize: self.quantize.complete()?,
            calibrate: self.calibrate.complete()?,
            sensitivity: self.sensitivity,
            assign: self.assign,
            train: self.train,
            evaluate: self.evaluate.complete()?,
            target: self.target.complete(),
            output: Output { dir, golden, strip_meta: self.output.strip_meta.unwrap_or(false) },
            input: self.input,
            name,
            model,
            seed,
        })
    }
}

impl DataFile {
    fn complete(self) -> Result<Data, JobError> {
        let test = self.test.ok_or_else(|| {
            JobError::value("data.test", "missing; name the held-out samples here, or with --test or --data")
        })?;
        let calibrate = self.calibrate.or_else(|| self.train.clone()).ok_or_else(|| {
            JobError::value(
                "data.train",
                "missing; ranges need `train` or `calibrate`, here or with --train or --data",
            )
        })?;
        Ok(Data { train: self.train, test, calibrate })
    }
}

impl QuantizeFile {
    fn complete(self) -> Result<Quantize, JobError> {
        let check = |key: &str, bits: u8, allowed: &[u8]| {
            if allowed.contains(&bits) {
                return Ok(bits);
            }
            let known: Vec<String> = allowed.iter().map(u8::to_string).collect();
            Err(JobError::value(
                format!("quantize.{key}"),
                format!("{bits} bits; possible are {}", known.join(", ")),
            ))
        };
        let widths = |key: &str, widths: Option<Widths>, allowed: &[u8]| -> Result<Widths, JobError> {
            let widths = widths.unwrap_or_else(|| Widths::one(8));
            widths.all().iter().try_for_each(|&bits| check(key, bits, allowed).map(|_| ()))?;
            Ok(widths)
        };
        Ok(Quantize {
            weights: widths("weights", self.weights, &WEIGHT_BITS)?,
            activations: widths("activations", self.activations, &ACTIVATION_BITS)?,
            first_last: check("first_last", self.first_last.unwrap_or(8), &WEIGHT_BITS)?,
            residual: check("residual", self.residual.unwrap_or(8), &[8, 16])?,
            layers: self.layers,
        })
    }
}

impl TargetFile {
    fn complete(self) -> Target {
        let Self { board, flash, ram, latency, latency_table, bops } = self;
        let board = board.unwrap_or_else(|| "mps2-an386".to_string());
        Target { board, flash, ram, latency, latency_table, bops }
    }
}

impl CalibrateFile {
    fn complete(self) -> Result<Calibrate, JobError> {
        let done = Calibrate {
            method: self.method.unwrap_or(MethodName::Mse),
            momentum: self.momentum.unwrap_or(0.99),
            percentile: self.percentile.unwrap_or(99.99),
            samples: self.samples.unwrap_or(200),
        };
        if !(0.0..1.0).contains(&done.momentum) {
            return Err(JobError::value("calibrate.momentum", "must be at least 0 and below 1"));
        }
        if !(done.percentile > 50.0 && done.percentile <= 100.0) {
            return Err(JobError::value("calibrate.percentile", "must be above 50 and at most 100"));
        }
        if done.samples == 0 {
            return Err(JobError::value("calibrate.samples", "must be at least 1"));
        }
        Ok(done)
    }
}

impl EvaluateFile {
    fn complete(self) -> Result<Evaluate, JobError> {
        if self.limit == Some(0) {
            return Err(JobError::value(
                "evaluate.limit",
                "must be at least 1; leave it out for all samples",
            ));
        }
        Ok(Evaluate { limit: self.limit })
    }
}
