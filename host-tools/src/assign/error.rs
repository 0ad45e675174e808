//! What can be wrong with a question. A question without an answer is an [`Outcome`](super::Outcome).

use super::{Bits, Operand, OracleError};

/// Error of a question about widths.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// More measures than the arithmetic has room for.
    #[error("{count} measures; at most {most} are supported")]
    InvalidMeasures {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// More candidates than an index can name.
    #[error("layer `{layer}`: {count} candidates; at most 65536 are supported")]
    InvalidCandidates {
        /// The layer.
        layer: String,
        /// How many there are.
        count: usize,
    },
    /// A candidate's costs do not match the measures.
    #[error("layer `{layer}`: a candidate has {found} costs for {expected} measures")]
    InvalidCosts {
        /// The layer.
        layer: String,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A candidate's objective.
    #[error("layer `{layer}`: the objective of a candidate is {value}; it must be finite and at least 0")]
    InvalidObjective {
        /// The layer.
        layer: String,
        /// The value.
        value: f64,
    },
    /// A width too large to be one.
    #[error("layer `{layer}`: w{}a{} is no pair of widths below 64", bits.weights, bits.activations)]
    InvalidBits {
        /// The layer.
        layer: String,
        /// The widths.
        bits: Bits,
    },
    /// Two candidates of a layer have the same widths.
    #[error("layer `{layer}`: two candidates are w{}a{}; keep the better one", bits.weights, bits.activations)]
    DuplicateBits {
        /// The layer.
        layer: String,
        /// The widths.
        bits: Bits,
    },
    /// A measure's sum is too large for exact arithmetic.
    #[error("measure `{measure}`: the sum over all layers may exceed {largest}; use a larger unit")]
    InvalidTotal {
        /// The measure.
        measure: String,
        /// The largest sum that is supported.
        largest: u64,
    },
    /// A tie names no layer.
    #[error("a tie names layer {layer} of {layers}")]
    InvalidTie {
        /// The index.
        layer: usize,
        /// How many layers there are.
        layers: usize,
    },
    /// A measure that the problem does not have.
    #[error("measure {measure} of {measures}")]
    InvalidMeasure {
        /// The index.
        measure: usize,
        /// How many measures there are.
        measures: usize,
    },
    /// A list has not one value per layer.
    #[error("{found} {what} for {layers} layers")]
    InvalidScores {
        /// Values of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many layers there are.
        layers: usize,
    },
    /// A choice that is no choice of this problem.
    #[error("layer `{layer}`: the choice given breaks its ties, fixed or least widths")]
    InvalidChoice {
        /// The layer.
        layer: String,
    },
    /// Fixed and least widths leave a layer without candidate.
    #[error("layer `{layer}`: none of its candidates has its fixed widths and at least its minimum")]
    NoCandidate {
        /// The layer.
        layer: String,
    },
    /// Tied layers have no width in common.
    #[error(
        "the layers {} are tied by their {} and have no width in common; give them the same candidates or untie them",
        layers.join(", "),
        match operand { Operand::Weights => "weights", Operand::Activations => "activations" }
    )]
    NoCommonBits {
        /// What is tied.
        operand: Operand,
        /// The layers.
        layers: Vec<String>,
    },
    /// Tied layers have widths in common, but no candidates that keep all ties at once.
    #[error(
        "the layers {} are tied and no candidates of theirs keep all ties; give them the same candidates or untie them",
        layers.join(", ")
    )]
    NoJointBits {
        /// The layers.
        layers: Vec<String>,
    },
    /// More monotone choices than can be looked at.
    #[error("{count} choices follow the ranking; at most {most} are looked at: use fewer steps of widths")]
    TooManyRanked {
        /// How many there are.
        count: u128,
        /// How many there may be.
        most: u128,
    },
    /// The planner failed.
    #[error("the peak of activation memory could not be computed: {0}")]
    Oracle(#[source] OracleError),
}
