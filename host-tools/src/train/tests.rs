//! Training on the embedded digits: gradients that predict the loss, runs that repeat and resume.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;

use super::data::{Batches, InputCode, Position};
use super::parameters::Kind;
use super::trainer::{Source, Trainer};
use super::{
    ActivationScaling, Control, Loss, Optimizer, TrainError, TrainOptions, Trained, WeightScaling, train,
};
use crate::data::Dataset;
use crate::job::{Job, QuantizeArgs};
use crate::lower::Recipe;
use crate::quantize::Prepared;

struct Digits {
    prepared: Prepared,
    recipe: Recipe,
    data: Arc<Dataset>,
}

fn digits(scheme: &str) -> Digits {
    let args = QuantizeArgs { scheme: Some(scheme.parse().unwrap()), ..QuantizeArgs::default() };
    let job = Job::from_args(&args).unwrap();
    let prepared = Prepared::import(&job.model).unwrap();
    let shape = prepared.graph.shape(prepared.graph.input);
    let data = job.load_train(shape).unwrap().unwrap();
    let bits = prepared.widest_bits(&job.quantize).unwrap();
    let recipe = prepared.recipe(bits, &job, &job.load_calibration(shape).unwrap()).unwrap();
    Digits { prepared, recipe, data: Arc::new(data) }
}

impl Digits {
    fn source(&self) -> Source<'_> {
        let Prepared { graph, layers, norms, .. } = &self.prepared;
        Source { graph, layers, norms, recipe: &self.recipe }
    }

    fn batches(&self, size: usize) -> Batches {
        let code = InputCode::of(&self.data, None).unwrap();
        let indices = (0..self.data.len()).collect();
        Batches::evaluation(self.data.clone(), code, indices, size).unwrap()
    }

    fn train(
        &self,
        options: &TrainOptions,
        checkpoint: &Path,
        resume: bool,
        stop_at: usize,
    ) -> Result<Trained, TrainError> {
        let stop = AtomicBool::new(false);
        let control = Control { seed: 3, checkpoint, resume, stop: &stop };
        let mut batches = 0;
        train(self.source(), &self.data, options, control, |event| {
            if let super::Event::Batch { .. } = event {
                batches += 1;
                stop.store(batches >= stop_at, std::sync::atomic::Ordering::Relaxed);
            }
        })
    }
}

/// At 8 bits the quantised network is nearly smooth: short steps along the gradient and against it change the loss by
/// the rate times the gradient's squared norm.
#[test]
fn gradients_predict_the_loss() {
    let digits = digits("w8a8");
    let batches = digits.batches(256);
    let batch = batches.batch(&batches.order(0), Position::default());
    let real = batches.real(&batch);
    for loss in [Loss::CrossEntropy, Loss::Distill, Loss::Mse] {
        let options = TrainOptions {
            loss,
            momentum: 0.0,
            decay: 0.0,
            scale_rate: 0.0,
            temperature: 1.0,
            weight_scales: WeightScaling::Max,
            activation_scales: ActivationScaling::MovingAverage,
            momentum_ranges: 0.999,
            ..TrainOptions::default()
        };
        // Loss and squared norm of the gradient, then the loss behind a step of this rate.
        let after = |rate: f64| {
            let mut trainer = Trainer::new(digits.source(), &options, Device::flex().autodiff()).unwrap();
            // Away from the float network, where the distance to it has no gradient.
            for block in trainer.parameters.blocks.iter_mut().filter(|block| block.kind == Kind::Weight) {
                let factor = |i: usize| 1.0 + 0.2 * ((i * 7 % 11) as f32 / 5.0 - 1.0);
                block.values.iter_mut().enumerate().for_each(|(i, w)| *w *= factor(i));
            }
            let mut step = |rate| trainer.step(batch.bytes(), &real, &batch.labels, rate).unwrap().loss;
            let (before, after) = (step(rate), step(0.0));
            let squared: f64 =
                (0..trainer.parameters.blocks.len()).map(|i| trainer.state.velocity(i).powi(2)).sum();
            (before, squared, after)
        };
        let (before, squared, _) = after(0.0);
        let rate = 0.2 * before / squared;
        let ratio = (after(-rate).2 - after(rate).2) / (2.0 * rate * squared);
        println!("{loss:?}: loss {before:.5}, {ratio:.3} of what the gradient says");
        // Both ways, so that curvature cancels; rounding to 8 bits blurs shorter steps.
        assert!((0.9..1.1).contains(&ratio), "{loss:?}: {ratio}");
    }
}

fn short(epochs: usize) -> TrainOptions {
    TrainOptions { epochs, batch: 64, rate: 0.003, validation: 100, ..TrainOptions::default() }
}

#[test]
fn an_interrupted_run_ends_with_the_same_integers() {
    let digits = digits("w4a4");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (case, options) in [
        ("learned", short(3)),
        (
            "ranges that follow the data, Adam, live statistics",
            TrainOptions {
                weight_scales: WeightScaling::Percentile,
                activation_scales: ActivationScaling::Percentile,
                optimizer: Optimizer::Adam,
                rate: 1e-4,
                fold_after: 1,
                warmup: 0.5,
                augment: super::data::Augment { rows: 1, columns: 1, ..Default::default() },
                ..short(3)
            },
        ),
    ] {
        let whole = digits.train(&options, &path("whole"), false, usize::MAX).unwrap();
        let per_epoch = whole.history[1].samples / options.batch;
        for stop_at in [1, per_epoch + 2] {
            let stopped = digits.train(&options, &path("parts"), false, stop_at);
            assert!(matches!(stopped, Err(TrainError::Interrupted { .. })), "{case}");
            let rest = digits.train(&options, &path("parts"), true, usize::MAX).unwrap();
            assert_eq!(rest.history, whole.history, "{case}");
            let bytes = |trained: &Trained| trained.lowered.network.constants.clone().into_bytes();
            assert_eq!(bytes(&rest), bytes(&whole), "{case}");
            assert_eq!(rest.lowered.network.steps, whole.lowered.network.steps, "{case}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    let digits = digits("w4a4");
    let train_on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = short(1);
        pool.install(|| {
            let batches = digits.batches(options.batch);
            let mut trainer = Trainer::new(digits.source(), &options, Device::flex().autodiff()).unwrap();
            for batch in 0..4 {
                let batch = batches.batch(&batches.order(0), Position { epoch: 0, batch });
                trainer.step(batch.bytes(), &batches.real(&batch), &batch.labels, 0.01).unwrap();
            }
            trainer.parameters.blocks
        })
    };
    assert_eq!(train_on(1), train_on(3));
}

#[test]
fn training_repairs_what_4_bits_broke() {
    let digits = digits("w2a4");
    let folder = tempfile::tempdir().unwrap();
    let trained = digits.train(&short(8), &folder.path().join("c"), false, usize::MAX).unwrap();
    let before = trained.history[0].validation_accuracy;
    let best = trained.history[trained.best].validation_accuracy;
    println!("2-bit digits: {before:.3} before, {best:.3} after");
    assert!(best >= before + 0.02 || best > 0.98, "{before} to {best}");
    assert!(trained.inexact.is_empty());
}

#[test]
fn divergence_names_a_layer() {
    let digits = digits("w8a8");
    let folder = tempfile::tempdir().unwrap();
    let known = |layer: &str| ["conv", "fc", "Gemm", "Relu", "Pool"].iter().any(|part| layer.contains(part));
    for rate in [30.0, 1e12] {
        let options = TrainOptions { rate, loss: Loss::CrossEntropy, ..short(20) };
        let error = digits.train(&options, &folder.path().join("c"), false, usize::MAX).unwrap_err();
        match &error {
            TrainError::NotFinite { layer } => assert!(!layer.is_empty(), "{error}"),
            TrainError::Growing { layer, .. } | TrainError::Scales { layer } => {
                assert!(known(layer), "{error}")
            }
            other => panic!("{other}"),
        }
        assert!(error.to_string().contains("train.rate"), "{error}");
    }
}

#[test]
fn a_foreign_or_damaged_checkpoint_is_refused() {
    let digits = digits("w4a4");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    let stopped = digits.train(&short(1), &path, false, 2);
    assert!(matches!(stopped, Err(TrainError::Interrupted { .. })));
    let other = digits.train(&TrainOptions { rate: 0.5, ..short(1) }, &path, true, usize::MAX);
    assert!(matches!(other, Err(TrainError::Checkpoint { .. })));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let damaged = digits.train(&short(1), &path, true, usize::MAX);
    assert!(matches!(damaged, Err(TrainError::Checkpoint { what: "the checkpoint is damaged", .. })));
}
