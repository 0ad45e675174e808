//! Why no bits can be chosen, and what would help.

use crate::assign::{AssignError, Infeasible, Measure};
use crate::file::EncodeError;
use crate::lower::LowerError;

/// Error of choosing bits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// Nothing to keep within.
    #[error(
        "bits are to be chosen, but within which limit? Give --flash, --ram or --bops, or one scheme for all layers such as --scheme w4a8"
    )]
    NoLimit,
    /// Nothing has measured the board.
    #[error("target.latency: no latency table of {board}; leave --latency out, or limit --bops instead")]
    NoLatencyTable {
        /// The board.
        board: String,
    },
    /// No choice keeps all limits.
    #[error("no choice of bits keeps all limits{0}")]
    Infeasible(String),
    /// No uniform choice keeps all limits.
    #[error("no uniform widths keep all limits; raise them, or let bits be chosen with --ranking hessian")]
    NoUniform,
    /// The search ended without a choice.
    #[error("no choice within the limits was found in time; allow fewer widths or wider limits")]
    Undecided,
    /// The model takes more than a limit allows.
    #[error(
        "{what}: {used} are needed where {asked} are allowed; raise the limit, or let bits be chosen with --scheme mixed"
    )]
    Exceeded {
        /// Which limit.
        what: &'static str,
        /// What was asked for.
        asked: u64,
        /// What it takes.
        used: u64,
    },
    /// The numbers of the question.
    #[error(transparent)]
    Assign(#[from] AssignError),
    /// A choice that cannot be lowered.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// A choice that cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl BudgetError {
    /// Says how much would do.
    pub(super) fn infeasible(why: &Infeasible, measures: &[Measure]) -> Self {
        let mut text = String::new();
        for smallest in &why.smallest {
            let name = smallest.measure.and_then(|m| measures.get(m)).map_or("RAM", |m| m.name.as_str());
            let asked = smallest.asked;
            text += &match smallest.needed {
                Some(needed) => {
                    format!("\n  {name}: {asked} asked, {needed} would do beside the other limits")
                }
                None => format!("\n  {name}: {asked} asked, the other limits leave no value that would do"),
            };
        }
        if let Some(nearest) = &why.nearest {
            let percent = nearest.growth_permille as f64 / 10.0;
            text += &format!("\n  all limits raised by {percent:.1} % would do together");
        }
        Self::Infeasible(text)
    }
}
