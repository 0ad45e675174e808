//! Why no bits can be chosen, and what would help.

use super::Limits;
use super::prices::{CYCLES, FLASH};
use crate::assign::{AssignError, Infeasible, Measure};
use crate::board::BoardError;
use crate::file::EncodeError;
use crate::job::JobError;
use crate::latency::TableError;
use crate::lower::LowerError;

/// Error of choosing bits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// Nothing to keep within.
    #[error(
        "bits are to be chosen, but within which limit? Give --flash, --ram, --latency or --bops, a chip for a board, or one scheme for all layers such as --scheme w4a8"
    )]
    NoLimit,
    /// Nothing has measured the board.
    #[error(
        "target.latency: no latency table of {board}; name one with --latency-table (`cargo xtask bench mcu --table`, of a GPU `cargo xtask bench cuda --table FILE`), leave --latency out, or limit --bops instead"
    )]
    NoLatencyTable {
        /// The board.
        board: &'static str,
    },
    /// A table that is none of the device's.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A step that is unlike all that were measured.
    #[error(
        "target.latency: the latency table of {board} knows no step like `{step}`; leave --latency out, or limit --bops instead"
    )]
    NoEstimate {
        /// The board.
        board: &'static str,
        /// Nodes in the step.
        step: String,
    },
    /// A limit above what the chip has.
    #[error("target.{what}: {asked} bytes, {chip} has {have}; lower the limit, or name another board")]
    BeyondChip {
        /// Which memory.
        what: &'static str,
        /// The chip.
        chip: &'static str,
        /// What was asked for.
        asked: u64,
        /// What there is.
        have: u64,
    },
    /// A rule for a layer that is not there.
    #[error(transparent)]
    Job(#[from] JobError),
    /// No such board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// No choice keeps all limits.
    #[error("no choice of bits keeps all limits{0}")]
    Infeasible(String),
    /// No choice of a restricted kind keeps all limits.
    #[error("no {kind} keep all limits; raise them, or let bits be chosen with --ranking hessian")]
    NothingFits {
        /// Which choices were looked at.
        kind: &'static str,
    },
    /// Eigenvalues that nothing has measured.
    #[error("assign.ranking: the eigenvalues were not measured; set sensitivity.eigen_samples above 0")]
    NoEigenvalues,
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
    pub(super) fn infeasible(why: &Infeasible, measures: &[Measure], limits: &Limits) -> Self {
        let mut text = String::new();
        for smallest in &why.smallest {
            let name = smallest.measure.and_then(|m| measures.get(m)).map_or("RAM", |m| m.name.as_str());
            // The search may have been held to less than was asked for.
            let asked = match smallest.measure {
                None => limits.ram,
                Some(FLASH) => limits.flash,
                Some(CYCLES) => limits.cycles,
                Some(_) => limits.bops,
            };
            let asked = asked.unwrap_or(smallest.asked);
            let withheld = asked.saturating_sub(smallest.asked);
            let number = |number: u64| match smallest.measure {
                Some(CYCLES) => format!("{number} ({:.3} ms)", limits.device.milliseconds(number)),
                _ => number.to_string(),
            };
            let needed = smallest.needed.map(|needed| match smallest.measure {
                // Estimates were held to less because they are too small by a factor.
                Some(CYCLES) => scaled(needed, asked, smallest.asked),
                _ => needed + withheld,
            });
            let needed = needed.map(number);
            let asked = number(asked);
            text += &match needed {
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

/// `number * to / from`, rounded up.
fn scaled(number: u64, to: u64, from: u64) -> u64 {
    let scaled = (u128::from(number) * u128::from(to)).div_ceil(u128::from(from.max(1)));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
