//! What can be wrong with data: every variant names the file and says what to do.

use super::Layout;
use crate::graph::Shape;
use std::path::PathBuf;

/// Error of reading a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The SPEC itself is not understood.
    #[error("data `{spec}`: {reason}")]
    Spec {
        /// The SPEC as written.
        spec: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its kind should be.
    #[error("{}: {what}", path.display())]
    Format {
        /// File.
        path: PathBuf,
        /// What is wrong, where, and what to do.
        what: String,
    },
    /// A label is not a class.
    #[error("{}: sample {sample} has the label {label}, but there are {classes} classes (0..{classes})", path.display())]
    Label {
        /// File.
        path: PathBuf,
        /// Index of the sample in the file.
        sample: usize,
        /// Label found.
        label: i64,
        /// Number of classes.
        classes: usize,
    },
    /// Features and labels do not belong together.
    #[error(
        "{} has {samples} samples but {} has {labels} labels; they must be the same number",
        features.display(), labels_path.display()
    )]
    Count {
        /// File with the features.
        features: PathBuf,
        /// Samples in it.
        samples: usize,
        /// File with the labels.
        labels_path: PathBuf,
        /// Labels in it.
        labels: usize,
    },
    /// The samples do not fit the network.
    #[error("{name}: samples are {}, the network takes {expected} (height x width x channels)", Dims(found))]
    Shape {
        /// Data set.
        name: String,
        /// Dimensions of one sample in the file.
        found: Vec<usize>,
        /// The network's input.
        expected: Shape,
    },
    /// Parts of a SPEC are of different kinds.
    #[error("`{first}` and `{second}` cannot be joined: {what}")]
    Join {
        /// What is there already.
        first: String,
        /// The part that does not go with it.
        second: String,
        /// What differs and what to do.
        what: String,
    },
    /// The samples fit the network in two ways.
    #[error(
        "{name}: samples of {} fit {expected} both with channels last and with channels first; \
         say which with `layout = \"{}\"` or `layout = \"{}\"`",
        Dims(found),
        Layout::Hwc,
        Layout::Chw
    )]
    AmbiguousLayout {
        /// Data set.
        name: String,
        /// Dimensions of one sample in the file.
        found: Vec<usize>,
        /// The network's input.
        expected: Shape,
    },
    /// The declared input transform is impossible.
    #[error("{name}: {what}")]
    Transform {
        /// Data set.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// A stored value is NaN or infinite.
    #[error("{name}: sample {sample} has a value that is not finite; repair or leave out that sample")]
    NotFinite {
        /// Data set.
        name: String,
        /// Index of the sample after the selection.
        sample: usize,
    },
    /// Nothing is left.
    #[error("{name}: no samples (of {total} before the selection)")]
    Empty {
        /// Data set.
        name: String,
        /// Samples before the selection.
        total: usize,
    },
}

impl DataError {
    /// A [`DataError::Format`] for a file.
    pub(super) fn format(path: &std::path::Path, what: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), what: what.into() }
    }
}

/// Dimensions as people write them: `49x10`.
struct Dims<'a>(&'a [usize]);

impl std::fmt::Display for Dims<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i > 0 { "x" } else { "" })?;
        }
        Ok(())
    }
}
