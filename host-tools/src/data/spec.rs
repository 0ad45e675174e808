//! SPEC: where data come from, as one string. `KIND:PATHS` and selections behind it.

use super::{
    DataError, Dataset, InputOptions, Loaded, Part, Pick, cifar10, csv, folder, idx, npy, select, wav,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
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

/// A source and the selections behind it. Text on both sides: parse it, print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Spec {
    /// Files.
    pub source: Source,
    /// Selections, applied in order.
    pub picks: Vec<Pick>,
}

const KINDS: &str = "cifar10:FILE[,FILE], npy:FEATURES,LABELS, idx:DIR, folder:DIR, csv:FILE, wav:DIR";

impl Spec {
    /// Makes relative paths relative to `base`.
    pub fn resolve(&mut self, base: &Path) {
        // `join` keeps an absolute path as it is.
        self.map_paths(|path| base.join(path));
    }

    /// Changes every path of the source.
    pub fn map_paths(&mut self, change: impl Fn(&Path) -> PathBuf) {
        for path in self.source.paths_mut() {
            *path = change(path);
        }
    }

    /// The text of the SPEC with the files' bare names: the same on every machine.
    pub fn without_folders(&self) -> String {
        let mut spec = self.clone();
        spec.map_paths(|path| path.file_name().map_or_else(|| path.to_owned(), PathBuf::from));
        spec.to_string()
    }

    /// The same data with one selection more.
    pub fn with(&self, pick: Pick) -> Self {
        let mut spec = self.clone();
        spec.picks.push(pick);
        spec
    }

    /// Reads the data. `part` matters only to kinds that hold a training and a test part in one folder.
    ///
    /// # Errors
    /// Everything that [`DataError`] lists.
    pub fn load(&self, part: Part, input: &InputOptions) -> Result<Dataset, DataError> {
        let picks = &self.picks;
        let loaded = match &self.source {
            Source::Cifar10(files) => cifar10::load(files)?.select(picks),
            Source::Npy { features, labels } => npy::load(features, labels)?.select(picks),
            Source::Idx(dir) => idx::load(dir, part)?.select(picks),
            Source::Csv(file) => csv::load(file)?.select(picks),
            // These decode file by file, so that only the chosen ones are decoded.
            Source::Folder(dir) => folder::load(dir, picks, input.shape.map(|s| s.c))?,
            Source::Wav(dir) => wav::load(dir, picks)?,
        };
        self.finish(loaded, input)
    }

    fn finish(&self, loaded: Loaded, input: &InputOptions) -> Result<Dataset, DataError> {
        if loaded.labels.is_empty() {
            return Err(DataError::Empty { name: self.to_string(), total: loaded.total });
        }
        Dataset::new(self.to_string(), loaded, input)
    }
}

impl Source {
    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Source::Cifar10(files) => files.iter_mut().collect(),
            Source::Npy { features, labels } => vec![features, labels],
            Source::Idx(p) | Source::Folder(p) | Source::Csv(p) | Source::Wav(p) => vec![p],
        }
    }
}

impl Loaded {
    fn select(self, picks: &[Pick]) -> Self {
        if picks.is_empty() {
            return self;
        }
        let chosen = select::indices(picks, self.labels.len());
        self.pick(&chosen)
    }
}

/// Splits the selections off the end; an `@` that no selection can follow belongs to the path.
fn split_picks(text: &str) -> Result<(&str, Vec<Pick>), String> {
    let (mut rest, mut picks) = (text, Vec::new());
    while let Some((before, last)) = rest.rsplit_once('@') {
        if !last.starts_with(|c: char| c.is_ascii_digit() || "!~.".contains(c)) || last.contains(['/', '\\'])
        {
            break;
        }
        picks.push(last.parse()?);
        rest = before;
    }
    picks.reverse();
    Ok((rest, picks))
}

impl FromStr for Spec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::Spec { spec: text.to_string(), reason };
        let (kind, rest) =
            text.split_once(':').ok_or_else(|| wrong(format!("the kind is missing; use one of {KINDS}")))?;
        let (paths, picks) = split_picks(rest).map_err(wrong)?;
        let files: Vec<PathBuf> = paths.split(',').map(PathBuf::from).collect();
        if files.iter().any(|f| f.as_os_str().is_empty()) {
            return Err(wrong("a path is missing".to_string()));
        }
        let source = match (kind, files.as_slice()) {
            ("cifar10", _) => Source::Cifar10(files),
            ("npy", [features, labels]) => Source::Npy { features: features.clone(), labels: labels.clone() },
            ("idx", [dir]) => Source::Idx(dir.clone()),
            ("folder", [dir]) => Source::Folder(dir.clone()),
            ("csv", [file]) => Source::Csv(file.clone()),
            ("wav", [dir]) => Source::Wav(dir.clone()),
            ("npy", _) => return Err(wrong("npy takes two files: npy:FEATURES,LABELS".to_string())),
            ("idx" | "folder" | "csv" | "wav", _) => return Err(wrong(format!("{kind} takes one path"))),
            _ => return Err(wrong(format!("unknown kind `{kind}`; use one of {KINDS}"))),
        };
        Ok(Spec { source, picks })
    }
}

impl TryFrom<String> for Spec {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Spec> for String {
    fn from(spec: Spec) -> Self {
        spec.to_string()
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, files): (&str, Vec<&PathBuf>) = match &self.source {
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
        self.picks.iter().try_for_each(|pick| write!(f, "{pick}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_survive_a_round_trip() {
        for text in [
            "cifar10:a.bin,b.bin",
            "npy:x.npy,y.npy@0%5",
            "idx:dir",
            "folder:some dir@home/train.zip@~200",
            "csv:digits.csv.gz@!0%5@0..200",
            "wav:w@5..",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_specs_say_what_is_right() {
        for (text, part) in [
            ("digits.csv", "the kind is missing"),
            ("hdf5:x", "unknown kind `hdf5`"),
            ("npy:x.npy", "npy:FEATURES,LABELS"),
            ("csv:a,b", "takes one path"),
            ("csv:", "a path is missing"),
            ("cifar10:a,,b", "a path is missing"),
            ("csv:a@0%0", "remainder must be below"),
            ("csv:a@9..3", "empty range"),
        ] {
            let message = text.parse::<Spec>().unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(text), "{message}");
        }
    }

    #[test]
    fn relative_paths_follow_the_base() {
        let mut spec: Spec = "npy:x.npy,/abs/y.npy".parse().unwrap();
        spec.resolve(Path::new("/base"));
        assert_eq!(spec.to_string(), "npy:/base/x.npy,/abs/y.npy");
    }
}
