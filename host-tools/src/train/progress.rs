//! What training tells while it runs.

use serde::{Deserialize, Serialize};

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'e> {
    /// Steps of this many samples each will follow.
    Epoch {
        /// Epoch, from 0.
        epoch: usize,
        /// Of so many.
        epochs: usize,
        /// Samples of it.
        samples: usize,
        /// Samples of it that were done before.
        done: usize,
    },
    /// A batch is done.
    Batch {
        /// Samples of the epoch that are done.
        done: usize,
        /// Mean loss of the epoch so far.
        loss: f64,
        /// Share of the epoch's samples so far whose class was found.
        accuracy: f64,
    },
    /// An epoch is done and measured.
    Done(&'e EpochReport),
}

/// One line of the training's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epochs done; 0 is post-training quantisation.
    pub epoch: usize,
    /// Mean training loss; absent before training.
    pub loss: Option<f64>,
    /// Share of training samples whose class was found; absent before training.
    pub train_accuracy: Option<f64>,
    /// Share of validation samples whose class the integer executor found.
    pub validation_accuracy: f64,
    /// Learning rate at its end.
    pub rate: f64,
    /// Samples trained on.
    pub samples: usize,
}
