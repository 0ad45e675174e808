//! One width for all weights and one for all activations: `w4a8`.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// Bits of weights and of activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Scheme {
    /// Weights: 8, 4 or 2.
    pub weights: u8,
    /// Activations: 8 or 4.
    pub activations: u8,
}

/// Widths of weights that the runtime has.
pub(super) const WEIGHT_BITS: [u8; 3] = [8, 4, 2];
/// Widths of activations that the runtime has.
pub(super) const ACTIVATION_BITS: [u8; 2] = [8, 4];

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "mixed" {
            return Err(
                "`mixed` (bits chosen per layer) is not available yet; use one scheme for all layers, \
                        such as w8a8, w4a8, w4a4 or w2a8"
                    .to_string(),
            );
        }
        let parsed = || {
            let (weights, activations) = text.strip_prefix('w')?.split_once('a')?;
            let scheme = Scheme { weights: weights.parse().ok()?, activations: activations.parse().ok()? };
            let known =
                WEIGHT_BITS.contains(&scheme.weights) && ACTIVATION_BITS.contains(&scheme.activations);
            known.then_some(scheme)
        };
        parsed().ok_or_else(|| format!("`{text}` is not a scheme; use w8a8, w8a4, w4a8, w4a4, w2a8 or w2a4"))
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
        write!(f, "w{}a{}", self.weights, self.activations)
    }
}
