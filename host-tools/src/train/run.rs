//! Training from the first batch to the best epoch.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtime::Model;
use runtime::trace::crc32;

use super::TrainError;
use super::checkpoint::{Checkpoint, Running, Snapshot, load_ranges, save_ranges};
use super::data::{Amount, Batches, InputCode, Loader, Position, Split, SplitOptions, split};
use super::options::TrainOptions;
use super::progress::{EpochReport, Event};
use super::schedule::rate;
use super::trainer::{Source, Trainer};
use crate::data::Dataset;
use crate::file::Parts;
use crate::integer::{self, AlignedBytes};
use crate::lower::{Layers, Lowered, Recipe};

/// Batches whose mean loss the later ones are compared with.
const FIRST_BATCHES: usize = 20;

/// Growth of the loss over its first batches that ends training, once it is above [`LARGE_LOSS`].
const GROWTH: f64 = 10.0;
const LARGE_LOSS: f64 = 1.0;

/// Where training keeps its files and what can stop it.
#[derive(Clone, Copy, Debug)]
pub struct Control<'c> {
    /// Seed of everything random.
    pub seed: u64,
    /// The checkpoint file.
    pub checkpoint: &'c Path,
    /// Whether to go on from it if it is there.
    pub resume: bool,
    /// Becomes true when training shall stop.
    pub stop: &'c AtomicBool,
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Layers with trained weights.
    pub layers: Layers,
    /// Recipe with trained scales.
    pub recipe: Recipe,
    /// Their integers.
    pub lowered: Lowered,
    /// Every epoch; the first entry is the network before training.
    pub history: Vec<EpochReport>,
    /// Epoch that was the best on the validation samples.
    pub best: usize,
    /// Steps whose integers in training may differ from the runtime's, because f32 cannot hold their accumulators.
    pub inexact: Vec<String>,
}

/// Trains on a data set and gives the parameters that are best on the validation samples, measured with the
/// integer executor. The first candidate is the network as it came.
///
/// # Errors
/// See [`TrainError`]; [`TrainError::Interrupted`] after the checkpoint is written.
pub fn train(
    source: Source,
    data: &Arc<Dataset>,
    options: &TrainOptions,
    control: Control,
    mut tell: impl FnMut(Event),
) -> Result<Trained, TrainError> {
    options.check()?;
    let device = super::device::device(options.device)?.autodiff();
    let trainer = Trainer::new(source, options, device)?;
    let network = crate::lower::steps(source.graph, source.layers, source.recipe)?;
    let inexact = super::forward::inexact(&network);
    let code = InputCode::of(data, network.tensors.get(network.input.offset as usize).map(|t| t.params))?;
    let validation = Amount::Count(options.validation.min(data.stored_len() / 5));
    let split_options = SplitOptions {
        validation,
        from: options.validation_part,
        apart: data.parts().len() > 1,
        share: options.share,
        seed: control.seed,
    };
    let Split { train, validation, .. } = split(data, &split_options)?;
    let batches = Batches::training(data.clone(), code, train, options.batch, options.augment, control.seed)?;
    let mut run = Run {
        trainer,
        options,
        control,
        data,
        validation,
        batches: Arc::new(batches),
        position: Position::default(),
        running: Running::default(),
        first_loss: None,
        recent_loss: None,
        history: Vec::new(),
        best: None,
        fingerprint: fingerprint(source, options, control.seed, data),
    };
    run.start(&mut tell)?;
    run.epochs(&mut tell)?;
    let best = run.restore_best()?;
    let (layers, recipe, lowered) = run.trainer.lowered()?;
    Ok(Trained { layers, recipe, lowered, history: run.history, best, inexact })
}

/// What a checkpoint must agree with.
fn fingerprint(source: Source, options: &TrainOptions, seed: u64, data: &Dataset) -> u32 {
    let text = format!(
        "{options:?} {seed} {:?} {} {} {:?}",
        source.recipe.bits,
        data.len(),
        source.graph.name,
        save_ranges(&source.recipe.ranges)
    );
    crc32(text.as_bytes())
}

struct Run<'r> {
    trainer: Trainer<'r>,
    options: &'r TrainOptions,
    control: Control<'r>,
    data: &'r Arc<Dataset>,
    validation: Vec<usize>,
    batches: Arc<Batches>,
    position: Position,
    running: Running,
    first_loss: Option<f64>,
    recent_loss: Option<f64>,
    history: Vec<EpochReport>,
    best: Option<Snapshot>,
    fingerprint: u32,
}

impl Run<'_> {
    /// From the checkpoint, or from the network as it came, which is measured first.
    fn start(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), TrainError> {
        let path = self.control.checkpoint;
        if self.control.resume && path.exists() {
            let Checkpoint { now, state, position, running, first_loss, recent_loss, best, history, .. } =
                Checkpoint::read(path, self.fingerprint)?;
            self.restore(now);
            self.trainer.state = state;
            (self.position, self.running) = (position, running);
            (self.first_loss, self.recent_loss) = (first_loss, recent_loss);
            (self.best, self.history) = (Some(best), history);
            return Ok(());
        }
        self.measure(tell, 0.0)
    }

    fn epochs(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), TrainError> {
        let epochs = self.options.epochs;
        let per_epoch = self.batches.per_epoch();
        let loader = Loader::start(self.batches.clone(), self.position, epochs)?;
        for batch in loader {
            if self.control.stop.load(Ordering::Relaxed) {
                self.save()?;
                return Err(TrainError::Interrupted { checkpoint: self.control.checkpoint.to_path_buf() });
            }
            if batch.position.batch == 0 || batch.position == self.position {
                self.begin(batch.position, batch.samples.len() * per_epoch, tell)?;
            }
            let progress = batch.position.epoch as f64 + batch.position.batch as f64 / per_epoch as f64;
            let rate = rate(self.options, progress);
            let real = self.batches.real(&batch);
            let result = self.trainer.step(batch.bytes(), &real, &batch.labels, rate)?;
            self.running.loss += result.loss * batch.samples.len() as f64;
            self.running.correct += result.correct;
            self.running.samples += batch.samples.len();
            self.watch(result.loss, rate)?;
            let Running { loss, correct, samples } = self.running;
            tell(Event::Batch {
                done: samples,
                loss: loss / samples as f64,
                accuracy: correct as f64 / samples as f64,
            });
            self.position = Position { batch: batch.position.batch + 1, ..batch.position };
            if self.position.batch == per_epoch {
                self.position = Position { epoch: batch.position.epoch + 1, batch: 0 };
                self.measure(tell, rate)?;
                self.running = Running::default();
                self.save()?;
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        at: Position,
        samples: usize,
        tell: &mut impl FnMut(Event),
    ) -> Result<(), TrainError> {
        if at.epoch >= self.options.fold_after {
            self.trainer.fold()?;
        }
        let (epochs, done) = (self.options.epochs, self.running.samples);
        tell(Event::Epoch { epoch: at.epoch, epochs, samples, done });
        Ok(())
    }

    /// Stops where the loss grows without end.
    fn watch(&mut self, loss: f64, rate: f64) -> Result<(), TrainError> {
        let recent = self.recent_loss.map_or(loss, |recent| recent + (loss - recent) / FIRST_BATCHES as f64);
        self.recent_loss = Some(recent);
        let done = self.running.samples / self.options.batch.max(1);
        if done == FIRST_BATCHES && self.first_loss.is_none() {
            self.first_loss = Some(self.running.loss / self.running.samples as f64);
        }
        match self.first_loss {
            Some(first) if recent > GROWTH * first && recent > LARGE_LOSS => {
                Err(TrainError::Growing { first, now: recent, layer: self.trainer.steepest(), rate })
            }
            _ => Ok(()),
        }
    }

    /// Measures the present network on the validation samples and keeps it if none was better.
    fn measure(&mut self, tell: &mut impl FnMut(Event), rate: f64) -> Result<(), TrainError> {
        let accuracy = self.validate()?;
        let Running { loss, correct, samples } = self.running;
        let mean = |sum: f64| (samples > 0).then(|| sum / samples as f64);
        let report = EpochReport {
            epoch: self.position.epoch,
            loss: mean(loss),
            train_accuracy: mean(correct as f64),
            validation_accuracy: accuracy,
            rate,
            samples,
        };
        let best = self.history.iter().map(|epoch| epoch.validation_accuracy).fold(-1.0, f64::max);
        if accuracy >= best {
            self.best = Some(self.snapshot());
        }
        tell(Event::Done(&report));
        self.history.push(report);
        Ok(())
    }

    fn validate(&mut self) -> Result<f64, TrainError> {
        let (_, _, lowered) = self.trainer.lowered()?;
        let parts = Parts {
            interface: lowered.interface,
            steps: lowered.network.steps,
            constants: lowered.network.constants.into_bytes(),
            golden: Vec::new(),
            meta: String::new(),
        };
        let bytes = AlignedBytes::copy(&parts.encode()?);
        let model = Model::load(bytes.as_slice()).map_err(integer::IntegerError::from)?;
        Ok(integer::evaluate_at(&model, self.data, &self.validation, |_| {})?.accuracy())
    }

    fn snapshot(&self) -> Snapshot {
        let parameters = &self.trainer.parameters;
        Snapshot {
            blocks: parameters.blocks.clone(),
            statistics: parameters.statistics.clone(),
            ranges: save_ranges(&self.trainer.recipe.ranges),
            live: self.trainer.is_live(),
        }
    }

    fn restore(&mut self, snapshot: Snapshot) {
        self.trainer.parameters.blocks = snapshot.blocks;
        self.trainer.parameters.statistics = snapshot.statistics;
        load_ranges(&mut self.trainer.recipe.ranges, &snapshot.ranges);
        self.trainer.set_live(snapshot.live);
    }

    fn restore_best(&mut self) -> Result<usize, TrainError> {
        if let Some(best) = self.best.take() {
            self.restore(best);
        }
        let best = self.history.iter().max_by(|a, b| a.validation_accuracy.total_cmp(&b.validation_accuracy));
        Ok(best.map_or(0, |epoch| epoch.epoch))
    }

    fn save(&self) -> Result<(), TrainError> {
        let checkpoint = Checkpoint {
            fingerprint: self.fingerprint,
            now: self.snapshot(),
            state: self.trainer.state.clone(),
            position: self.position,
            running: self.running,
            first_loss: self.first_loss,
            recent_loss: self.recent_loss,
            best: self.best.clone().unwrap_or_else(|| self.snapshot()),
            history: self.history.clone(),
        };
        checkpoint.write(self.control.checkpoint)
    }
}
