//! The networks that are counted: those of MLPerf Tiny by their published shapes, and one of other shapes for the
//! latency table. Weights and samples are random numbers from a seed.

mod build;
mod extra;
mod integers;
mod random;
mod tiny;

pub use build::{Builder, ConvShape};
pub use integers::{Integers, Precision};
pub use random::Random;

use host_tools::graph::Graph;

/// A network to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// MLPerf Tiny image classification.
    ResNet8,
    /// MLPerf Tiny keyword spotting.
    DsCnn,
    /// MLPerf Tiny visual wake words: MobileNetV1 0.25 at 96 x 96.
    Vww,
    /// MLPerf Tiny anomaly detection: an autoencoder of dense layers.
    Ad,
    /// What those four do not have.
    Extra,
}

impl Model {
    /// Those that the peers were counted on.
    pub const TINY: [Self; 4] = [Self::ResNet8, Self::DsCnn, Self::Vww, Self::Ad];

    /// Name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet8 => "resnet8",
            Self::DsCnn => "dscnn",
            Self::Vww => "vww",
            Self::Ad => "ad",
            Self::Extra => "extra",
        }
    }

    /// The float network.
    pub fn graph(self) -> Graph {
        match self {
            Self::ResNet8 => tiny::resnet8(),
            Self::DsCnn => tiny::dscnn(),
            Self::Vww => tiny::vww(),
            Self::Ad => tiny::ad(),
            Self::Extra => extra::extra(),
        }
    }
}
