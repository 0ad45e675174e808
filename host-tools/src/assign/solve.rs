//! The question and its answers.

use serde::Serialize;

use super::allowed::Allowed;
use super::arena::Arena;
use super::finder::{Effort, Finder, Memory};
use super::infeasible::{self, Infeasible};
use super::reduced::Limits;
use super::scale::Goal;
use super::{AssignError, Choice, Problem, memory};

/// What a proof rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Proof {
    /// Nothing but the numbers given.
    Complete,
    /// On more activation bits never taking less memory. No answer of the oracle contradicts it, but not every
    /// pattern that it excludes was asked for ([`Effort::oracle_calls`]).
    IfMonotone,
}

impl Proof {
    /// What two proofs together rest on.
    pub(super) fn weaker(self, other: Self) -> Self {
        if self == Self::IfMonotone { self } else { other }
    }
}

/// Answer to a question about widths.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Outcome {
    /// No choice within the limits has a smaller objective; of those with the same objective none takes less of
    /// the first measure, and of those none comes first in the order of layers and candidates.
    Optimal {
        /// The choice.
        choice: Choice,
        /// What that rests on.
        proof: Proof,
    },
    /// A choice within the limits, and no proof that it is the best: the effort ended before.
    Unproven {
        /// The best choice found.
        choice: Choice,
        /// No choice has a smaller objective than this.
        bound: f64,
        /// How much smaller an objective may be, as part of this choice's.
        gap: f64,
    },
    /// No choice keeps the limits.
    Infeasible(Infeasible),
    /// The effort ended before a choice within the limits was found.
    Undecided,
}

impl Outcome {
    /// The choice, where there is one.
    pub fn choice(&self) -> Option<&Choice> {
        match self {
            Self::Optimal { choice, .. } | Self::Unproven { choice, .. } => Some(choice),
            Self::Infeasible(_) | Self::Undecided => None,
        }
    }
}

/// The choice of least objective within all limits.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn solve(
    problem: &Problem,
    mut arena: Option<&mut Arena<'_>>,
    effort: &Effort,
) -> Result<Outcome, AssignError> {
    let allowed = Allowed::new(problem)?;
    let limits = Limits::of(problem);
    let answer = best(problem, &allowed, Goal::Objective, &limits, arena.as_deref_mut(), effort)?;
    Ok(match answer {
        Answer::Best { choice, proof: Some(proof), .. } => Outcome::Optimal { choice, proof },
        Answer::Best { choice, proof: None, bound } => {
            let bound = bound.min(choice.objective);
            let gap = if choice.objective > 0.0 { 1.0 - bound / choice.objective } else { 0.0 };
            Outcome::Unproven { choice, bound, gap }
        }
        Answer::None(Some(proof)) => {
            Outcome::Infeasible(infeasible::explain(problem, &allowed, arena, effort, proof)?)
        }
        Answer::None(None) => Outcome::Undecided,
    })
}

/// What came of a search; no proof where the effort ended it.
#[derive(Debug)]
pub(super) enum Answer {
    Best { choice: Choice, proof: Option<Proof>, bound: f64 },
    None(Option<Proof>),
}

/// The best choice by a goal within limits.
pub(super) fn best(
    problem: &Problem,
    allowed: &Allowed,
    goal: Goal,
    limits: &Limits,
    arena: Option<&mut Arena<'_>>,
    effort: &Effort,
) -> Result<Answer, AssignError> {
    let mut finder = Finder::new(problem, allowed, goal, limits, effort)?;
    if let Some(arena) = arena {
        return memory::best(finder, allowed, arena, effort);
    }
    let found = finder.best(allowed, None, &mut Memory::Unlimited)?;
    let proof = found.complete.then_some(Proof::Complete);
    Ok(match found.best {
        None => Answer::None(proof),
        Some((_, candidates)) => Answer::Best {
            choice: problem.evaluate(candidates),
            proof,
            bound: finder.scale.objective(found.bound),
        },
    })
}
