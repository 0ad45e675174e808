//! Labelled samples from the usual file formats, with the exact way from stored integers to real values.
//! Samples are kept as they are stored (bytes stay bytes) in the network's order, height x width x channels.

mod cifar10;
mod csv;
mod dataset;
mod error;
mod file;
mod fit;
mod folder;
mod idx;
mod input;
mod join;
mod npy;
mod select;
mod source;
mod spec;
mod tree;
mod wav;

#[cfg(test)]
mod real_data;
#[cfg(test)]
mod robustness;

pub use dataset::{Dataset, RawInput, RawKind, RawSample, Samples};
pub use error::DataError;
pub use input::{InputOptions, Layout, Normalize, PixelRange};
pub use select::Pick;
pub use source::Source;
pub use spec::{Piece, Spec};

/// Which part of a data set that comes in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The part to train and calibrate on.
    Train,
    /// The held-out part.
    Test,
}

/// What a reader returns: samples in file order, not yet fitted to a network.
struct Loaded {
    samples: Samples,
    /// Dimensions of one sample as the file has them.
    dims: Vec<usize>,
    /// The order of the elements where the format fixes it.
    layout: Option<Layout>,
    /// Whether the integers are brightness values 0..=255.
    pixels: bool,
    labels: Vec<u32>,
    classes: Vec<String>,
}

impl Loaded {
    /// Keeps the samples at `indices`.
    fn pick(self, indices: &[usize]) -> Self {
        let len = self.dims.iter().product();
        Self {
            samples: self.samples.pick(indices, len),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            ..self
        }
    }
}

/// Class names `0`, `1`, … up to the largest label.
fn numbered_classes(labels: &[u32]) -> Vec<String> {
    (0..labels.iter().max().map_or(0, |&max| max + 1)).map(|i| i.to_string()).collect()
}
