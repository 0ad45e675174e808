//! What kind of files, and which: `KIND:PATHS`.

use super::{DataError, Loaded, Part, cifar10, csv, folder, idx, npy, wav};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What kind of files, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `cifar10:FILE[,FILE]`: CIFAR-10's binary format.
    Cifar10(Vec<PathBuf>),
    /// `npy:FEATURES,LABELS`: two NumPy arrays.
    Npy {
        /// `[n, ...]`.
        features: PathBuf,
        /// `[n]`, integers.
        labels: PathBuf,
    },
    /// `idx:DIR`: MNIST's format, both parts in one folder.
    Idx(PathBuf),
    /// `folder:DIR` or a .zip: a folder of PNG or JPEG images per class.
    Folder(PathBuf),
    /// `csv:FILE`: numbers, the label last.
    Csv(PathBuf),
    /// `wav:DIR`: a folder of recordings per class.
    Wav(PathBuf),
}

const KINDS: &str = "cifar10:FILE[,FILE], npy:FEATURES,LABELS, idx:DIR, folder:DIR, csv:FILE, wav:DIR";

/// A source of which the number of samples is known. Files that hold one sample each are not decoded yet.
pub(super) enum Opened {
    /// All samples.
    Read(Loaded),
    /// Files of images.
    Images(folder::Images),
    /// Files of recordings.
    Clips(wav::Clips),
}

impl Source {
    pub(super) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Source::Cifar10(files) => files.iter_mut().collect(),
            Source::Npy { features, labels } => vec![features, labels],
            Source::Idx(p) | Source::Folder(p) | Source::Csv(p) | Source::Wav(p) => vec![p],
        }
    }

    pub(super) fn open(&self, part: Part) -> Result<Opened, DataError> {
        Ok(match self {
            Source::Cifar10(files) => Opened::Read(cifar10::load(files)?),
            Source::Npy { features, labels } => Opened::Read(npy::load(features, labels)?),
            Source::Idx(dir) => Opened::Read(idx::load(dir, part)?),
            Source::Csv(file) => Opened::Read(csv::load(file)?),
            Source::Folder(dir) => Opened::Images(folder::open(dir)?),
            Source::Wav(dir) => Opened::Clips(wav::open(dir)?),
        })
    }
}

impl Opened {
    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        match self {
            Opened::Read(loaded) => loaded.labels.len(),
            Opened::Images(images) => images.len(),
            Opened::Clips(clips) => clips.len(),
        }
    }

    /// The samples at `indices`, which ascend. Images become grey where the network takes one channel.
    pub(super) fn read(self, indices: &[usize], channels: Option<usize>) -> Result<Loaded, DataError> {
        match self {
            Opened::Read(loaded) if indices.len() == loaded.labels.len() => Ok(loaded),
            Opened::Read(loaded) => Ok(loaded.pick(indices)),
            Opened::Images(images) => images.read(indices, channels),
            Opened::Clips(clips) => clips.read(indices),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, paths) =
            text.split_once(':').ok_or_else(|| format!("the kind is missing; use one of {KINDS}"))?;
        let files: Vec<PathBuf> = paths.split(',').map(PathBuf::from).collect();
        if files.iter().any(|f| f.as_os_str().is_empty()) {
            return Err("a path is missing".to_string());
        }
        Ok(match (kind, files.as_slice()) {
            ("cifar10", _) => Source::Cifar10(files),
            ("npy", [features, labels]) => Source::Npy { features: features.clone(), labels: labels.clone() },
            ("idx", [dir]) => Source::Idx(dir.clone()),
            ("folder", [dir]) => Source::Folder(dir.clone()),
            ("csv", [file]) => Source::Csv(file.clone()),
            ("wav", [dir]) => Source::Wav(dir.clone()),
            ("npy", _) => return Err("npy takes two files: npy:FEATURES,LABELS".to_string()),
            ("idx" | "folder" | "csv" | "wav", _) => return Err(format!("{kind} takes one path")),
            _ => return Err(format!("unknown kind `{kind}`; use one of {KINDS}")),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, files): (&str, Vec<&PathBuf>) = match self {
            Source::Cifar10(files) => ("cifar10", files.iter().collect()),
            Source::Npy { features, labels } => ("npy", vec![features, labels]),
            Source::Idx(p) => ("idx", vec![p]),
            Source::Folder(p) => ("folder", vec![p]),
            Source::Csv(p) => ("csv", vec![p]),
            Source::Wav(p) => ("wav", vec![p]),
        };
        write!(f, "{kind}:")?;
        for (i, file) in files.iter().enumerate() {
            write!(f, "{}{}", if i > 0 { "," } else { "" }, file.display())?;
        }
        Ok(())
    }
}
