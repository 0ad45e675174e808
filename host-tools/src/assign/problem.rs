//! What is asked: layers with candidate widths, their prices in every measure, and what binds them together.

use serde::{Deserialize, Serialize};

use super::{Arena, AssignError};

/// Widths of a layer's weights and of the activations it reads.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Bits {
    /// Bits of a weight.
    pub weights: u8,
    /// Bits of an activation.
    pub activations: u8,
}

/// One way to store and compute a layer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Candidate {
    /// Its widths, below 64; no two candidates of a layer share them.
    pub bits: Bits,
    /// What it adds to the objective: finite and not negative.
    pub objective: f64,
    /// What it adds to each of [`Problem::measures`], in their order.
    pub costs: Vec<u64>,
}

/// A layer and its candidates.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Layer {
    /// Name for messages.
    pub name: String,
    /// The candidates; among equally good choices the one listed first wins.
    pub candidates: Vec<Candidate>,
    /// The only weight width that the layer may take.
    pub fixed_weights: Option<u8>,
    /// The only activation width that the layer may take.
    pub fixed_activations: Option<u8>,
    /// The least widths that the layer may take; 0 asks for nothing.
    pub minimum: Bits,
}

impl Layer {
    /// A layer that may take any of its candidates.
    pub fn free(name: impl Into<String>, candidates: Vec<Candidate>) -> Self {
        let minimum = Bits { weights: 0, activations: 0 };
        Self { name: name.into(), candidates, fixed_weights: None, fixed_activations: None, minimum }
    }
}

/// Something that adds up over the layers: bytes of flash, bit operations, cycles.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Measure {
    /// Name for messages.
    pub name: String,
    /// What the model takes besides its layers; counts towards the limit.
    pub constant: u64,
    /// The most that the sum may be.
    pub limit: Option<u64>,
}

/// What a [`Tie`] makes equal.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Operand {
    /// Bits of weights.
    Weights,
    /// Bits of activations.
    Activations,
}

/// Layers that must take the same width.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Tie {
    /// Which width.
    pub operand: Operand,
    /// Indices into [`Problem::layers`].
    pub layers: Vec<usize>,
}

/// A choice of widths to be made.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Problem {
    /// What adds up. Of choices with equal objective the one that takes least of the first measure wins, so that
    /// it should be the bytes of the model.
    pub measures: Vec<Measure>,
    /// The layers, in the network's order.
    pub layers: Vec<Layer>,
    /// Which layers go together.
    pub ties: Vec<Tie>,
}

/// A candidate for every layer, and what they come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// Index into [`Layer::candidates`], one per layer.
    pub candidates: Vec<usize>,
    /// Sum of the objective, added in the order of the layers.
    pub objective: f64,
    /// Sum of every measure, constants included.
    pub totals: Vec<u64>,
    /// Peak bytes of activations, where a limit on them was part of the question.
    pub arena: Option<u64>,
}

/// The largest sum of a measure over all layers; beyond it a cost has no exact `f64`.
const LARGEST_TOTAL: u64 = 1 << 52;
/// More measures than anybody has; bounds the bits of a bound's arithmetic.
const MOST_MEASURES: usize = 16;
/// Candidates of a layer have 16-bit indices.
const MOST_CANDIDATES: usize = 1 << 16;
/// Widths are kept as sets in 64 bits.
const WIDEST: u8 = 63;

impl Problem {
    /// What a candidate per layer comes to. Says nothing on limits, ties and fixed layers.
    ///
    /// # Panics
    ///
    /// Where `candidates` does not name one candidate of every layer.
    pub fn evaluate(&self, candidates: Vec<usize>) -> Choice {
        assert_eq!(candidates.len(), self.layers.len(), "one candidate per layer");
        let mut totals: Vec<u64> = self.measures.iter().map(|measure| measure.constant).collect();
        let mut objective = 0.0;
        for (layer, &candidate) in self.layers.iter().zip(&candidates) {
            let candidate = &layer.candidates[candidate];
            objective += candidate.objective;
            for (total, cost) in totals.iter_mut().zip(&candidate.costs) {
                *total += cost;
            }
        }
        Choice { candidates, objective, totals, arena: None }
    }

    /// The widths of a choice, one per layer.
    pub fn bits(&self, choice: &Choice) -> Vec<Bits> {
        self.layers.iter().zip(&choice.candidates).map(|(layer, &at)| layer.candidates[at].bits).collect()
    }

    /// Whether the totals keep every limit.
    pub fn within_limits(&self, choice: &Choice) -> bool {
        self.measures
            .iter()
            .zip(&choice.totals)
            .all(|(measure, &total)| measure.limit.is_none_or(|limit| total <= limit))
    }

    /// The choice of some candidates with its peak memory, if it keeps every limit.
    pub(super) fn admit(
        &self,
        candidates: Vec<usize>,
        arena: Option<&mut Arena<'_>>,
    ) -> Result<Option<Choice>, AssignError> {
        let mut choice = self.evaluate(candidates);
        if !self.within_limits(&choice) {
            return Ok(None);
        }
        if let Some(arena) = arena {
            let peak = arena.peak(&self.activations(&choice.candidates))?;
            if peak > arena.limit {
                return Ok(None);
            }
            choice.arena = Some(peak);
        }
        Ok(Some(choice))
    }

    /// Bits of activations, one per layer.
    pub(super) fn activations(&self, candidates: &[usize]) -> Vec<u8> {
        self.layers.iter().zip(candidates).map(|(layer, &at)| layer.candidates[at].bits.activations).collect()
    }

    /// Checks the numbers; whether ties and fixed layers leave a candidate is found later.
    pub(super) fn validate(&self) -> Result<(), AssignError> {
        if self.measures.len() > MOST_MEASURES {
            return Err(AssignError::InvalidMeasures { count: self.measures.len(), most: MOST_MEASURES });
        }
        for layer in &self.layers {
            self.validate_layer(layer)?;
        }
        for (at, measure) in self.measures.iter().enumerate() {
            let largest = |layer: &Layer| layer.candidates.iter().map(|one| one.costs[at]).max();
            let total = self
                .layers
                .iter()
                .try_fold(measure.constant, |sum, layer| sum.checked_add(largest(layer).unwrap_or(0)));
            if total.is_none_or(|total| total > LARGEST_TOTAL) {
                return Err(AssignError::InvalidTotal {
                    measure: measure.name.clone(),
                    largest: LARGEST_TOTAL,
                });
            }
        }
        match self.ties.iter().flat_map(|tie| &tie.layers).find(|&&layer| layer >= self.layers.len()) {
            Some(&layer) => Err(AssignError::InvalidTie { layer, layers: self.layers.len() }),
            None => Ok(()),
        }
    }

    fn validate_layer(&self, layer: &Layer) -> Result<(), AssignError> {
        let name = || layer.name.clone();
        if layer.candidates.len() > MOST_CANDIDATES {
            return Err(AssignError::InvalidCandidates { layer: name(), count: layer.candidates.len() });
        }
        for (at, candidate) in layer.candidates.iter().enumerate() {
            let (found, expected) = (candidate.costs.len(), self.measures.len());
            if found != expected {
                return Err(AssignError::InvalidCosts { layer: name(), found, expected });
            }
            if !candidate.objective.is_finite() || candidate.objective < 0.0 {
                return Err(AssignError::InvalidObjective { layer: name(), value: candidate.objective });
            }
            let bits = candidate.bits;
            if bits.weights.max(bits.activations) > WIDEST {
                return Err(AssignError::InvalidBits { layer: name(), bits });
            }
            if layer.candidates[..at].iter().any(|other| other.bits == bits) {
                return Err(AssignError::DuplicateBits { layer: name(), bits });
            }
        }
        Ok(())
    }
}
