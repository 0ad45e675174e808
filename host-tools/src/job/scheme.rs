//! Bits in one word: `w4a8` for all layers, `mixed` for a choice in every layer.

use super::Widths;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// Bits of weights and of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Scheme {
    /// The same in all inner layers.
    Uniform {
        /// Weights: 8, 4 or 2.
        weights: u8,
        /// Activations: 8 or 4.
        activations: u8,
    },
    /// All that the runtime has, to choose from layer by layer.
    Mixed,
}

/// Widths of weights that the runtime has.
pub(super) const WEIGHT_BITS: [u8; 3] = [8, 4, 2];
/// Widths of activations that the runtime has.
pub(super) const ACTIVATION_BITS: [u8; 2] = [8, 4];

impl Scheme {
    /// Widths of weights, widths of activations.
    pub(super) fn widths(self) -> [Option<Widths>; 2] {
        match self {
            Self::Uniform { weights, activations } => {
                [Widths::new(vec![weights]), Widths::new(vec![activations])]
            }
            Self::Mixed => [Widths::new(WEIGHT_BITS.to_vec()), Widths::new(ACTIVATION_BITS.to_vec())],
        }
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "mixed" {
            return Ok(Self::Mixed);
        }
        let parsed = || {
            let (weights, activations) = text.strip_prefix('w')?.split_once('a')?;
            let (weights, activations) = (weights.parse().ok()?, activations.parse().ok()?);
            let known = WEIGHT_BITS.contains(&weights) && ACTIVATION_BITS.contains(&activations);
            known.then_some(Self::Uniform { weights, activations })
        };
        parsed().ok_or_else(|| {
            format!("`{text}` is not a scheme; use mixed, w8a8, w8a4, w4a8, w4a4, w2a8 or w2a4")
        })
    }
}

impl TryFrom<String> for Scheme {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform { weights, activations } => write!(f, "w{weights}a{activations}"),
            Self::Mixed => f.write_str("mixed"),
        }
    }
}
