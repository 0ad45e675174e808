//! The main job: float network in, model file and report out.

mod error;
mod golden;
mod meta;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kernels::{Dtype, WeightBits};
use runtime::Model;

pub use error::QuantizeError;
pub use meta::Meta;
pub use write::write_beside;

use crate::board::Board;
use crate::data::Dataset;
use crate::file::Parts;
use crate::graph::{Graph, Shape, ValueId};
use crate::import;
use crate::integer::{self, AlignedBytes, Evaluation, InputKind};
use crate::job::{Job, JobError, Quantize};
use crate::lower::{
    self, BitPlan, Folded, InputForm, LayerBits, Layers, Lowered, Norm, Ranges, Recipe, Storage, WeightScales,
};
use crate::report::Report;
use crate::train::{self, Control, Event, Trained};

/// Samples that calibration shows at once.
const CALIBRATION_BATCH: usize = 16;

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

    /// The same bits in every layer but the first and the last.
    ///
    /// # Errors
    /// [`QuantizeError::Bits`] when a width is not supported.
    pub fn uniform_bits(&self, quantize: &Quantize) -> Result<BitPlan, QuantizeError> {
        let weights = weight_bits(quantize.weights)?;
        let inner = LayerBits { weights, activations: activation(quantize.activations)? };
        let first_last = match weight_bits(quantize.first_last)? {
            WeightBits::W8 => LayerBits { weights: WeightBits::W8, activations: Dtype::I8 },
            weights => LayerBits { weights, ..inner },
        };
        let residual = activation(quantize.residual)?;
        Ok(BitPlan::uniform(&self.layers, inner, first_last, residual, Dtype::I16))
    }

    /// Calibrates all values that a bit plan stores.
    ///
    /// # Errors
    /// Those of calibration.
    pub fn recipe(&self, bits: BitPlan, job: &Job, data: &Dataset) -> Result<Recipe, QuantizeError> {
        let storage = Storage::assign(&self.graph, &self.layers, &bits);
        let mut wanted = storage.calibrated(&self.layers);
        wanted.insert((self.graph.input, crate::calibrate::Grid::ACT8));
        let output = storage.root(&self.layers, self.graph.output);
        let mut samples = vec![0.0; data.len() * data.shape.len()];
        for (i, sample) in samples.chunks_exact_mut(data.shape.len()).enumerate() {
            data.real(i, sample);
        }
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

fn weight_bits(bits: u8) -> Result<WeightBits, QuantizeError> {
    match bits {
        2 => Ok(WeightBits::W2),
        4 => Ok(WeightBits::W4),
        8 => Ok(WeightBits::W8),
        bits => Err(QuantizeError::Bits { bits }),
    }
}

fn activation(bits: u8) -> Result<Dtype, QuantizeError> {
    match bits {
        4 => Ok(Dtype::U4),
        8 => Ok(Dtype::I8),
        16 => Ok(Dtype::I16),
        bits => Err(QuantizeError::Bits { bits }),
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

/// Runs a job and writes its files.
///
/// # Errors
/// Whatever kept the job from its end; nothing half-written stays.
pub fn quantize(job: &Job, hooks: Hooks) -> Result<Outcome, QuantizeError> {
    let Hooks { say, training, resume, stop } = hooks;
    say(&format!("importing {}", job.model.display()));
    let prepared = Prepared::import(&job.model)?;
    let shape = prepared.graph.shape(prepared.graph.input);
    let classes = prepared.graph.shape(prepared.graph.output).len();
    say("loading data");
    let calibration = job.load_calibration(shape)?;
    let test = job.load_test(shape)?;
    test.check_labels(classes)?;
    let (need, have) = (InputKind::of(&calibration), InputKind::of(&test));
    if need != have {
        return Err(QuantizeError::Kinds { calibration: need, test: have });
    }
    say(&format!("calibrating on {} samples", calibration.len()));
    let recipe = prepared.recipe(prepared.uniform_bits(&job.quantize)?, job, &calibration)?;
    say("lowering to integers");
    let lowered = lower::lower(&prepared.graph, &prepared.layers, &recipe)?;
    say(&format!("evaluating on {} samples", test.len()));
    let float = integer::evaluate_float(&prepared.graph, &test)?;
    let mut built = build(job, &lowered, &calibration, &test, &float)?;
    let mut report = Report::new(job, &prepared, &lowered, &built.load()?, &float, &built.accuracy, &test);
    if job.train.epochs > 0 {
        let trained = train_job(job, &prepared, &recipe, shape, say, training, resume, stop)?;
        say(&format!("evaluating on {} samples", test.len()));
        built = build(job, &trained.lowered, &calibration, &test, &float)?;
        let post_training = report;
        let lowered = &trained.lowered;
        report = Report::new(job, &prepared, lowered, &built.load()?, &float, &built.accuracy, &test);
        report.add_training(&post_training, &job.train, trained);
    }
    let Built { model, inputs, .. } = built;
    say(&format!("writing {}", job.output.dir.display()));
    let json = serde_json::to_string_pretty(&report).map_err(QuantizeError::Json)? + "\n";
    write_beside(&job.output.dir.join("model.hawk"), model.as_slice())?;
    write_beside(&job.output.dir.join("report.json"), json.as_bytes())?;
    write_beside(&job.output.dir.join("job.toml"), job.to_toml(&job.output.dir)?.as_bytes())?;
    Ok(Outcome { model, report, inputs, folder: job.output.dir.clone() })
}

/// Trains the network of a job for its bits.
#[expect(clippy::too_many_arguments, reason = "the parts of a job")]
fn train_job(
    job: &Job,
    prepared: &Prepared,
    recipe: &Recipe,
    shape: Shape,
    say: &mut dyn FnMut(&str),
    training: &mut dyn FnMut(Event),
    resume: bool,
    stop: &AtomicBool,
) -> Result<Trained, QuantizeError> {
    let missing =
        || JobError::value("data.train", "missing; training needs it, here or with --train or --data");
    let data = Arc::new(job.load_train(shape)?.ok_or_else(missing)?);
    say(&format!("training on {} samples", data.len()));
    let Prepared { graph, layers, norms, .. } = prepared;
    let checkpoint = job.output.dir.join("checkpoint.bin");
    let control = Control { seed: job.seed, checkpoint: &checkpoint, resume, stop };
    let source = train::Source { graph, layers, norms, recipe };
    Ok(train::train(source, &data, &job.train, control, training)?)
}

/// A model file with what is known of it.
struct Built {
    model: AlignedBytes,
    /// Packed inputs of the golden vectors.
    inputs: Vec<Vec<u8>>,
    accuracy: Evaluation,
}

impl Built {
    fn load(&self) -> Result<Model<'_>, QuantizeError> {
        Ok(Model::load(self.model.as_slice())?)
    }
}

/// The model file. Its accuracy is measured on the same steps and constants before golden vectors and META are
/// added, because META states it; `eval` measures it on the whole file.
fn build(
    job: &Job,
    lowered: &Lowered,
    calibration: &Dataset,
    test: &Dataset,
    float: &Evaluation,
) -> Result<Built, QuantizeError> {
    let mut parts = Parts {
        interface: lowered.interface,
        steps: lowered.network.steps.clone(),
        constants: lowered.network.constants.clone().into_bytes(),
        golden: Vec::new(),
        meta: String::new(),
    };
    let bare = AlignedBytes::copy(&parts.encode()?);
    let accuracy = integer::evaluate(&Model::load(bare.as_slice())?, test, |_| {})?;
    // The file for the board computes the same integers; its golden vectors come from its own kernels.
    let packed = lowered.packed(Board::find(&job.target.board)?.layout());
    parts.interface = packed.interface;
    parts.steps = packed.network.steps;
    parts.constants = packed.network.constants.into_bytes();
    let packed = AlignedBytes::copy(&parts.encode()?);
    parts.golden = golden::vectors(&Model::load(packed.as_slice())?, calibration, job.output.golden)?;
    if !job.output.strip_meta {
        let meta = Meta::new(job, lowered, InputKind::of(calibration), test, float, &accuracy);
        parts.meta = serde_json::to_string(&meta).map_err(QuantizeError::Json)?;
    }
    let inputs = parts.golden.iter().map(|vector| vector.input.clone()).collect();
    Ok(Built { model: AlignedBytes::copy(&parts.encode()?), inputs, accuracy })
}
