//! META: what people and `eval` want to know of a model file.

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::integer::{Evaluation, InputKind};
use crate::job::{Input, Job};
use crate::lower::Lowered;

/// The META section.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// Name of the job.
    pub name: String,
    /// Program and version that made the file.
    pub made_by: String,
    /// Seed of the job.
    pub seed: u64,
    /// What the input tensor takes.
    pub input_kind: InputKind,
    /// From stored numbers to the float network's input.
    pub input: Input,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Names of the steps.
    pub steps: Vec<String>,
    /// Data set of the accuracies.
    pub data: String,
    /// Accuracy of the float network.
    pub float_accuracy: f64,
    /// Accuracy of the integer executor.
    pub accuracy: f64,
}

impl Meta {
    /// This program and its version.
    pub(super) const MADE_BY: &str = concat!("sparrowhawk ", env!("CARGO_PKG_VERSION"));

    pub(super) fn new(
        job: &Job,
        lowered: &Lowered,
        input_kind: InputKind,
        test: &Dataset,
        float: &Evaluation,
        integer: &Evaluation,
    ) -> Self {
        Self {
            name: job.name.clone(),
            made_by: Self::MADE_BY.to_owned(),
            seed: job.seed,
            input_kind,
            input: job.input.clone(),
            classes: test.classes.clone(),
            steps: lowered.network.infos.iter().map(|info| info.name.clone()).collect(),
            data: job.data.test.without_folders(),
            float_accuracy: float.accuracy(),
            accuracy: integer.accuracy(),
        }
    }

    /// META of a model; `None` when it was stripped or is not ours.
    pub fn of(model: &runtime::Model) -> Option<Self> {
        serde_json::from_slice(model.meta()).ok()
    }
}
