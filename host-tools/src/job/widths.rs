//! The bit widths to choose from: one for all layers, or several to be assigned layer by layer.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Widths, the widest first; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widths(Vec<u8>);

impl Widths {
    /// From any order; `None` when there is none.
    pub fn new(mut bits: Vec<u8>) -> Option<Self> {
        bits.sort_unstable_by(|a, b| b.cmp(a));
        bits.dedup();
        (!bits.is_empty()).then_some(Self(bits))
    }

    /// No choice.
    pub fn one(bits: u8) -> Self {
        Self(vec![bits])
    }

    /// All of them, the widest first.
    pub fn all(&self) -> &[u8] {
        &self.0
    }

    /// The widest.
    pub fn widest(&self) -> u8 {
        self.0.first().copied().unwrap_or(8)
    }

    /// Whether there is a choice.
    pub fn is_choice(&self) -> bool {
        self.0.len() > 1
    }
}

impl FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits: Option<Vec<u8>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        bits.and_then(Self::new)
            .ok_or_else(|| format!("`{text}` is no list of bit widths such as 4 or 8,4,2"))
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits: Vec<String> = self.0.iter().map(u8::to_string).collect();
        f.write_str(&bits.join(","))
    }
}

/// One number or a list.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(u8),
    List(Vec<u8>),
}

impl Serialize for Widths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [bits] => Written::One(*bits).serialize(serializer),
            bits => Written::List(bits.to_vec()).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Widths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = match Written::deserialize(deserializer)? {
            Written::One(bits) => vec![bits],
            Written::List(bits) => bits,
        };
        Self::new(bits).ok_or_else(|| D::Error::custom("no bit width in the list"))
    }
}
