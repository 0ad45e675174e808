//! Widths of single layers, beside or against the scheme: `--layer NAME=w8a8`, or lines in `[quantize.layers]`.

use super::scheme::{ACTIVATION_BITS, WEIGHT_BITS};
use super::{JobError, Widths};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Widths that a layer with weights may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerWidths {
    /// Of its weights.
    pub weights: Widths,
    /// Of its operand.
    pub activations: Widths,
}

/// What a rule says of a layer: `w8` its weights, `a8` its operand, `w8,4a8` both; a list leaves a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerRule {
    weights: Option<Widths>,
    activations: Option<Widths>,
}

/// `NAME=WIDTHS` of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRule {
    pub(super) name: String,
    pub(super) rule: LayerRule,
}

/// Rules by the name of a layer's first node, or by how names begin: `block1*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerRules(BTreeMap<String, LayerRule>);

impl LayerRule {
    /// Whether it leaves a choice.
    fn is_choice(&self) -> bool {
        [&self.weights, &self.activations].into_iter().flatten().any(Widths::is_choice)
    }
}

impl LayerRules {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one leaves a choice.
    pub(super) fn is_choice(&self) -> bool {
        self.0.values().any(LayerRule::is_choice)
    }

    /// Adds rules; of the same name the later one holds.
    pub(super) fn add(&mut self, rules: &[NamedRule]) {
        self.0.extend(rules.iter().map(|named| (named.name.clone(), named.rule.clone())));
    }

    /// Overwrites the widths of layers by the rules for their names; of several rules the longest name holds.
    ///
    /// # Errors
    /// [`JobError::Value`] where a rule fits no layer.
    pub(super) fn apply(&self, names: &[&str], widths: &mut [LayerWidths]) -> Result<(), JobError> {
        for key in self.0.keys() {
            if !names.iter().any(|name| fits(key, name)) {
                return Err(JobError::value("quantize.layers", unknown(key, names)));
            }
        }
        for (name, widths) in names.iter().zip(widths) {
            let rules = self.0.iter().filter(|(key, _)| fits(key, name));
            // A whole name goes before one that begins so.
            let weight = |key: &str| (key.trim_end_matches('*').len(), !key.ends_with('*'));
            let Some((_, rule)) = rules.max_by_key(|(key, _)| weight(key)) else { continue };
            for (given, own) in
                [(&rule.weights, &mut widths.weights), (&rule.activations, &mut widths.activations)]
            {
                if let Some(given) = given {
                    own.clone_from(given);
                }
            }
        }
        Ok(())
    }
}

/// Whether a rule is for a layer; `name` may go on with ` + ` and the nodes that moved into the layer.
fn fits(key: &str, name: &str) -> bool {
    let node = name.split(" + ").next().unwrap_or(name);
    key.strip_suffix('*').map_or(key == node || key == name, |start| node.starts_with(start))
}

fn unknown(key: &str, names: &[&str]) -> String {
    let distance = |name: &&&str| strsim::damerau_levenshtein(key, name);
    match names.iter().min_by_key(distance) {
        Some(nearest) => {
            format!("no layer with weights is called `{key}`; did you mean `{nearest}`? `inspect` names all")
        }
        None => format!("no layer with weights is called `{key}`: the network has none"),
    }
}

impl FromStr for LayerRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` says no widths of a layer, such as w8, a8, w4a8 or w8,4a8");
        let list = |part: &str, allowed: &[u8]| -> Result<Widths, String> {
            let widths: Widths = part.parse().map_err(|_| wrong())?;
            let known = widths.all().iter().all(|bits| allowed.contains(bits));
            known.then_some(widths).ok_or_else(wrong)
        };
        let (weights, activations) = match text.split_once('a') {
            Some((weights, activations)) => (weights, Some(list(activations, &ACTIVATION_BITS)?)),
            None => (text, None),
        };
        let weights = match weights.strip_prefix('w') {
            Some(weights) => Some(list(weights, &WEIGHT_BITS)?),
            None if weights.is_empty() && activations.is_some() => None,
            None => return Err(wrong()),
        };
        Ok(Self { weights, activations })
    }
}

impl TryFrom<String> for LayerRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for LayerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, widths) in [('w', &self.weights), ('a', &self.activations)] {
            if let Some(widths) = widths {
                write!(f, "{letter}{widths}")?;
            }
        }
        Ok(())
    }
}

impl From<LayerRule> for String {
    fn from(rule: LayerRule) -> Self {
        rule.to_string()
    }
}

impl FromStr for NamedRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Names of nodes may contain `=`, widths do not.
        let (name, rule) =
            text.rsplit_once('=').ok_or_else(|| format!("`{text}` is not NAME=WIDTHS such as conv1=w8a8"))?;
        Ok(Self { name: name.to_owned(), rule: rule.parse()? })
    }
}
