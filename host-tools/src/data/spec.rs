//! SPEC: where data come from, as one string. `KIND:PATHS`, selections behind it, several joined by ` + `.

use super::{DataError, Dataset, InputOptions, Part, Pick, Source, join};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// `N*KIND:PATHS@...`: one of the sources that are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How often its samples come, 1 to [`Piece::MOST`].
    pub repeat: usize,
    /// Files.
    pub source: Source,
    /// Selections, applied in order.
    pub picks: Vec<Pick>,
}

/// Sources, one after the other, and the selections behind them. Text on both sides: parse it, print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Spec {
    /// What is joined, at least one.
    pub pieces: Vec<Piece>,
    /// Selections from all of it, applied in order: `(A + B)@~200`. None for a single piece that comes once.
    pub picks: Vec<Pick>,
}

/// Between the pieces. The spaces keep a plus in a path.
const PLUS: &str = " + ";

impl Piece {
    /// Most repetitions.
    pub const MOST: usize = 1000;
}

impl Spec {
    /// Makes relative paths relative to `base`.
    pub fn resolve(&mut self, base: &Path) {
        // `join` keeps an absolute path as it is.
        self.map_paths(|path| base.join(path));
    }

    /// Changes every path of the sources.
    pub fn map_paths(&mut self, change: impl Fn(&Path) -> PathBuf) {
        for path in self.pieces.iter_mut().flat_map(|piece| piece.source.paths_mut()) {
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
        spec.simplified()
    }

    /// Reads the data. `part` matters only to kinds that hold a training and a test part in one folder.
    ///
    /// # Errors
    /// Everything that [`DataError`] lists.
    pub fn load(&self, part: Part, input: &InputOptions) -> Result<Dataset, DataError> {
        join::load(self, part, input)
    }

    /// Selections from all of one piece are that piece's: there is one way to write a SPEC.
    fn simplified(mut self) -> Self {
        if let [Piece { repeat: 1, picks, .. }] = self.pieces.as_mut_slice() {
            picks.append(&mut self.picks);
        }
        self
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

impl FromStr for Piece {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (repeat, rest) = match text.split_once('*') {
            Some((count, rest)) if count.bytes().all(|b| b.is_ascii_digit()) => {
                let repeat = count.parse().ok().filter(|n| (1..=Self::MOST).contains(n));
                let wrong = || format!("`{count}*` must repeat 1 to {} times", Self::MOST);
                (repeat.ok_or_else(wrong)?, rest)
            }
            _ => (1, text),
        };
        let (source, picks) = split_picks(rest)?;
        Ok(Self { repeat, source: source.parse()?, picks })
    }
}

impl FromStr for Spec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = |reason: String| DataError::Spec { spec: text.to_string(), reason };
        let (list, picks) = match text.strip_prefix('(').map(|rest| rest.rsplit_once(')')) {
            None => (text, Vec::new()),
            Some(Some((list, rest))) => match split_picks(rest).map_err(wrong)? {
                ("", picks) => (list, picks),
                _ => return Err(wrong("only selections such as @~200 can follow the `)`".to_string())),
            },
            Some(None) => return Err(wrong("the `)` is missing".to_string())),
        };
        let piece = |part: &str| {
            part.trim().parse().map_err(|reason: String| {
                wrong(if list.contains(PLUS) { format!("in `{part}`: {reason}") } else { reason })
            })
        };
        let pieces = list.split(PLUS).map(piece).collect::<Result<_, _>>()?;
        Ok(Spec { pieces, picks }.simplified())
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

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.repeat > 1 {
            write!(f, "{}*", self.repeat)?;
        }
        write!(f, "{}", self.source)?;
        self.picks.iter().try_for_each(|pick| write!(f, "{pick}"))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = self.pieces.iter().map(Piece::to_string).collect::<Vec<_>>().join(PLUS);
        if self.picks.is_empty() {
            return f.write_str(&list);
        }
        write!(f, "({list})")?;
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
            "folder:a+b.zip + 4*cifar10:c.bin@0..9",
            "(csv:a(1)@~3 + csv:b)@!0%5@~100",
            "3*csv:a*b",
            "(3*csv:a)@0..2",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        for (text, plain) in
            [("(csv:a)", "csv:a"), ("(csv:a@~9)@0..3", "csv:a@~9@0..3"), ("1*csv:a", "csv:a")]
        {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), plain);
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
            ("csv:a + hdf5:x", "in `hdf5:x`: unknown kind"),
            ("csv:a + ", "in ``: the kind is missing"),
            ("0*csv:a", "`0*` must repeat 1 to 1000"),
            ("99999999999999999999*csv:a", "must repeat"),
            ("*csv:a", "`*` must repeat"),
            ("(csv:a + csv:b", "the `)` is missing"),
            ("(csv:a + csv:b)x", "can follow the `)`"),
            ("(csv:a)@x", "can follow the `)`"),
        ] {
            let message = text.parse::<Spec>().unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(text), "{message}");
        }
    }

    #[test]
    fn paths_of_all_pieces_are_changed() {
        let mut spec: Spec = "npy:x.npy,/abs/y.npy + 2*csv:d/a".parse().unwrap();
        spec.resolve(Path::new("/base"));
        assert_eq!(spec.to_string(), "npy:/base/x.npy,/abs/y.npy + 2*csv:/base/d/a");
        assert_eq!(spec.without_folders(), "npy:x.npy,y.npy + 2*csv:a");
    }

    #[test]
    fn one_selection_more() {
        let with = |text: &str| text.parse::<Spec>().unwrap().with(Pick::Spread(5)).to_string();
        assert_eq!(with("csv:a@0..9"), "csv:a@0..9@~5");
        assert_eq!(with("csv:a + 2*csv:b"), "(csv:a + 2*csv:b)@~5");
        assert_eq!(with("(csv:a + csv:b)@0%2"), "(csv:a + csv:b)@0%2@~5");
    }
}
