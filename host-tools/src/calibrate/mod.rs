//! Ranges of tensors from sample data, and the integers' scale and zero point from a range.
//! The same data in the same order give the same ranges.

mod histogram;
mod mse;
mod observer;
mod range;

pub use observer::Observer;
pub use range::{Grid, QuantParams, Range, quant_params};

/// How a range follows from the values seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Smallest and largest value.
    MinMax,
    /// Exponential average of every batch's smallest and largest value.
    MovingAverage {
        /// Weight of the past, at least 0 and below 1.
        momentum: f64,
    },
    /// All but the outermost values.
    Percentile {
        /// Share of the values within either bound in per cent, above 50 and at most 100.
        percentile: f64,
    },
    /// The range with the least mean squared error after quantisation.
    Mse,
}

impl Method {
    /// How often the data must be shown: histograms need the extremes first.
    pub const fn passes(&self) -> usize {
        match self {
            Method::MinMax | Method::MovingAverage { .. } => 1,
            Method::Percentile { .. } | Method::Mse => 2,
        }
    }
}

/// Error of calibrating one tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// NaN or infinity in the data.
    #[error(
        "tensor `{tensor}` has the value {value} at element {element} of a batch; check the network and the input's scale"
    )]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// The value.
        value: f32,
        /// Where it is in the slice.
        element: usize,
    },
    /// Nothing was observed, or not in every pass.
    #[error("tensor `{tensor}` was observed in {seen} of {needed} passes over the calibration data")]
    NoData {
        /// Name of the tensor.
        tensor: String,
        /// Passes with data.
        seen: usize,
        /// Passes that the method needs.
        needed: usize,
    },
}
