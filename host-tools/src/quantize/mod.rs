//! The main job: float network in, model file and report out.

mod bits;
mod build;
mod error;
mod golden;
mod latency;
mod meta;
mod reproduce;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kernels::Dtype;
use runtime::format::Layout;

pub use bits::{Choice, choose_bits, score_controls};
pub use error::QuantizeError;
pub use meta::Meta;
pub use write::write_beside;

use build::{Built, build};

use crate::board::{BoardError, Device};
use crate::data::Dataset;
use crate::graph::{Graph, ValueId};
use crate::import;
use crate::integer::{self, AlignedBytes, Evaluation, InputKind};
use crate::job::{Job, JobError};
use crate::lower::{self, BitPlan, Folded, InputForm, Layers, Norm, Ranges, Recipe, Storage, WeightScales};
use crate::report::{Limit, Report, html};
use crate::train::{self, Control, Event, Trained};

/// Samples that calibration shows at once.
pub(crate) const CALIBRATION_BATCH: usize = 16;

/// How often bits are chosen where counted cycles are more than estimated ones.
const COUNTED_ROUNDS: usize = 4;

/// What a job gave.
#[derive(Debug)]
pub struct Outcome {
    /// The model file's bytes.
    pub model: AlignedBytes,
    /// Every number of it.
    pub report: Report,
    /// Packed inputs of the golden vectors, for a run on a board.
    pub inputs: Vec<Vec<u8>>,
    /// Where the files are.
    pub folder: PathBuf,
}

/// An imported network, ready to be made integers.
#[derive(Debug)]
pub struct Prepared {
    /// The float network with everything folded.
    pub graph: Graph,
    /// Its layers.
    pub layers: Layers,
    /// What was folded into them, by their result.
    pub norms: BTreeMap<ValueId, Norm>,
    /// What was folded, moved or left out.
    pub log: Vec<String>,
}

impl Prepared {
    /// Imports and folds.
    ///
    /// # Errors
    /// Those of the import.
    pub fn import(path: &std::path::Path) -> Result<Self, QuantizeError> {
        let imported = import::import(path)?;
        let Folded { graph, log, norms } = lower::fold(&imported.graph);
        let layers = Layers::of(&graph);
        Ok(Self { graph, layers, norms, log: imported.log.into_iter().chain(log).collect() })
    }

    /// Calibrates all values that a bit plan stores.
    ///
    /// # Errors
    /// Those of calibration.
    pub fn recipe(&self, bits: BitPlan, job: &Job, data: &Dataset) -> Result<Recipe, QuantizeError> {
        self.recipe_of_all(bits, &[], job, data)
    }

    /// The recipe of a bit plan, with ranges for others too.
    ///
    /// # Errors
    /// Those of calibration.
    pub fn recipe_of_all(
        &self,
        bits: BitPlan,
        others: &[BitPlan],
        job: &Job,
        data: &Dataset,
    ) -> Result<Recipe, QuantizeError> {
        let storage = Storage::assign(&self.graph, &self.layers, &bits);
        let mut wanted = storage.calibrated(&self.layers);
        for other in others {
            wanted.extend(Storage::assign(&self.graph, &self.layers, other).calibrated(&self.layers));
        }
        wanted.insert((self.graph.input, crate::calibrate::Grid::ACT8));
        let output = self.layers.root(self.graph.output);
        let samples = data.reals();
        let method = job.calibrate.method();
        let mut ranges =
            Ranges::calibrate(&self.graph, &wanted, output, method, CALIBRATION_BATCH, &samples)?;
        let (input, exact) = lower::input_form(data.raw().as_ref());
        if let (InputForm::Direct, Some(params)) = (&input, exact) {
            ranges.set(self.graph.input, Dtype::I8, params);
        }
        Ok(Recipe { bits, ranges, input, weights: WeightScales::default() })
    }
}

/// How a job talks to the outside while it runs.
pub struct Hooks<'h> {
    /// Is told what is being done.
    pub say: &'h mut dyn FnMut(&str),
    /// Is told how training goes.
    pub training: &'h mut dyn FnMut(Event),
    /// Whether to go on from the checkpoint of an interrupted training.
    pub resume: bool,
    /// Becomes true when training shall stop.
    pub stop: &'h AtomicBool,
}

/// A job whose network and data are there, before any bits are chosen.
#[derive(Debug)]
pub struct Started {
    /// The network.
    pub prepared: Prepared,
    /// Samples for ranges.
    pub calibration: Dataset,
    /// Held-out samples.
    pub test: Dataset,
    /// The float network on them.
    pub float: Evaluation,
    /// The widest uniform bits, with ranges for every choice.
    pub recipe: Recipe,
}

impl Started {
    /// Imports, loads, calibrates and measures the float network.
    ///
    /// # Errors
    /// See [`QuantizeError`].
    pub fn of(job: &Job, hooks: &mut Hooks) -> Result<Self, QuantizeError> {
        (hooks.say)(&format!("importing {}", job.model.display()));
        let prepared = Prepared::import(&job.model)?;
        let shape = prepared.graph.shape(prepared.graph.input);
        let classes = prepared.graph.shape(prepared.graph.output).len();
        (hooks.say)("loading data");
        let calibration = job.load_calibration(shape)?;
        let test = job.load_test(shape)?;
        test.check_labels(classes)?;
        let (need, have) = (InputKind::of(&calibration), InputKind::of(&test));
        if need != have {
            return Err(QuantizeError::Kinds { calibration: need, test: have });
        }
        (hooks.say)(&format!("calibrating on {} samples", calibration.len()));
        let (uniform, plans) = (prepared.widest_bits(&job.quantize)?, prepared.plans(&job.quantize)?);
        let recipe = prepared.recipe_of_all(uniform, &plans, job, &calibration)?;
        (hooks.say)(&format!("evaluating the float network on {} samples", test.len()));
        let float = integer::evaluate_float(&prepared.graph, &test)?;
        Ok(Self { prepared, calibration, test, float, recipe })
    }
}

/// Runs a job and writes its files.
///
/// # Errors
/// Whatever kept the job from its end; nothing half-written stays.
pub fn quantize(job: &Job, mut hooks: Hooks) -> Result<Outcome, QuantizeError> {
    let started = Started::of(job, &mut hooks)?;
    let Started { prepared, calibration, test, float, .. } = &started;
    let layout = layout(job)?;
    let mut held =
        if job.quantize.is_mixed() { latency::held_cycles(job, &started, &mut hooks)? } else { None };
    let mut rounds = 0;
    let (choice, recipe, mut built, mut report) = loop {
        let choice = match job.quantize.is_mixed() {
            true => Some(bits::choose_within(job, &started, held, &mut hooks)?),
            false => None,
        };
        let mut recipe = started.recipe.clone();
        if let Some(choice) = &choice {
            recipe.bits = choice.chosen.plan.clone();
        }
        let lowered = lower::lower(&prepared.graph, &prepared.layers, &recipe)?.packed(layout);
        (hooks.say)(&format!("evaluating on {} samples", test.len()));
        let built = build(job, &lowered, calibration, test, float)?;
        let mut report = Report::new(job, prepared, &lowered, &built.load()?, float, &built.accuracy, test)?;
        let estimate = report.constraints.latency_cycles.map(|limit| limit.used);
        if let Some(cycles) = latency::counted(job, &built.load()?, calibration, &mut hooks)? {
            report.set_counted(&job.target, cycles)?;
        }
        rounds += 1;
        match (report.constraints.latency_cycles, estimate) {
            // The estimate of these bits was too low by as much.
            (Some(Limit { asked: Some(asked), used }), Some(estimate))
                if used > asked && choice.is_some() && rounds < COUNTED_ROUNDS =>
            {
                held = Some(latency::scaled(asked, estimate, used));
            }
            _ => {
                report.keeps_limits()?;
                break (choice, recipe, built, report);
            }
        }
    };
    if job.train.epochs > 0 {
        let trained = train_job(job, prepared, &recipe, &mut hooks)?;
        // What training did not improve stays as it was.
        let post_training = report.clone();
        if trained.best > 0 {
            let lowered = &trained.lowered.packed(layout);
            (hooks.say)(&format!("evaluating on {} samples", test.len()));
            built = build(job, lowered, calibration, test, float)?;
            report = Report::new(job, prepared, lowered, &built.load()?, float, &built.accuracy, test)?;
            if let Some(cycles) = latency::counted(job, &built.load()?, calibration, &mut hooks)? {
                report.set_counted(&job.target, cycles)?;
            }
            report.keeps_limits()?;
        }
        report.add_training(&post_training, &job.train, trained);
    }
    if let Some(Choice { chosen, sensitivities }) = choice {
        (hooks.say)(&format!("evaluating {} controls", chosen.controls.len()));
        let arms = score_controls(prepared, &recipe, layout, &chosen.controls, test)?;
        report.add_choice(chosen, arms, &sensitivities);
    }
    let Built { model, inputs, .. } = built;
    (hooks.say)(&format!("writing {}", job.output.dir.display()));
    report.reproduce = Some(reproduce::reproduce(job, model.as_slice(), calibration, test)?);
    let json = serde_json::to_string_pretty(&report).map_err(QuantizeError::Json)? + "\n";
    write_beside(&job.output.dir.join("model.hawk"), model.as_slice())?;
    write_beside(&job.output.dir.join("report.json"), json.as_bytes())?;
    write_beside(&job.output.dir.join("report.html"), html::page(&report).as_bytes())?;
    write_beside(&job.output.dir.join("job.toml"), job.to_toml(&job.output.dir)?.as_bytes())?;
    Ok(Outcome { model, report, inputs, folder: job.output.dir.clone() })
}

/// How weights are packed for the board, chip or GPU of a job.
///
/// # Errors
/// [`BoardError`] when there is no such board.
pub fn layout(job: &Job) -> Result<Layout, BoardError> {
    Ok(Device::find(&job.target.board)?.layout())
}

/// Trains the network of a job for its bits.
fn train_job(
    job: &Job,
    prepared: &Prepared,
    recipe: &Recipe,
    hooks: &mut Hooks,
) -> Result<Trained, QuantizeError> {
    let missing =
        || JobError::value("data.train", "missing; training needs it, here or with --train or --data");
    let shape = prepared.graph.shape(prepared.graph.input);
    let data = Arc::new(job.load_train(shape)?.ok_or_else(missing)?);
    (hooks.say)(&format!("training on {} samples", data.len()));
    let Prepared { graph, layers, norms, .. } = prepared;
    let checkpoint = job.output.dir.join("checkpoint.bin");
    let control = Control { seed: job.seed, checkpoint: &checkpoint, resume: hooks.resume, stop: hooks.stop };
    let source = train::Source { graph, layers, norms, recipe };
    Ok(train::train(source, &data, &job.train, control, &mut *hooks.training)?)
}
