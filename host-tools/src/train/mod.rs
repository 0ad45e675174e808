//! Quantization-aware training: the imported network with its bits, trained through the integers of the device.
//!
//! `trainer` turns parameters into the integer network with `lower`'s own code, `forward` executes that network's
//! steps on batches, `operations` gives gradients, `run` goes over the data.

mod checkpoint;
pub mod data;
mod device;
mod error;
mod forward;
mod integers;
mod loss;
mod operations;
mod optimizer;
mod options;
mod parameters;
mod progress;
mod run;
mod schedule;
mod trainer;

#[cfg(test)]
mod tests;

pub use error::TrainError;
pub use integers::{ForwardIntegers, forward_integers};
pub use options::{
    ActivationScaling, ClipGradient, DeviceName, Loss, Optimizer, Schedule, TrainOptions, WeightScaling,
};
pub use progress::{EpochReport, Event};
pub use run::{Control, Trained, train};
pub use trainer::Source;
