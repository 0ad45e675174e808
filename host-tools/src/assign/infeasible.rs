//! What to tell who asked for too much: how much would do.

use serde::Serialize;

use super::allowed::Allowed;
use super::arena::Arena;
use super::reduced::Limits;
use super::scale::Goal;
use super::search::Effort;
use super::solve::{Answer, Proof, best};
use super::{AssignError, Choice, Problem};

/// The smallest limit that would do while the others stay.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Smallest {
    /// The measure; `None` is the peak of activation memory.
    pub measure: Option<usize>,
    /// The limit that was asked for.
    pub asked: u64,
    /// The smallest that would do; `None` where no value would, because other limits cannot be kept either.
    pub needed: Option<u64>,
    /// Why smaller would not do; `None` where the effort ended before.
    pub proof: Option<Proof>,
}

/// The best choice when all limits grow by the same part, as little as it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Growth of every limit in thousandths, rounded up to whole numbers.
    pub growth_permille: u64,
    /// The choice of least objective within the limits grown by it.
    pub choice: Choice,
    /// Why less growth would not do, nor another choice be better; `None` where the effort ended before.
    pub proof: Option<Proof>,
}

/// Why no choice keeps the limits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Infeasible {
    /// What that rests on.
    pub proof: Proof,
    /// One per limit: those of measures in their order, then memory's.
    pub smallest: Vec<Smallest>,
    /// `None` where a limit of 0 cannot be kept.
    pub nearest: Option<Nearest>,
}

/// Growth beyond which limits are not a matter of degree.
const LARGEST_GROWTH: u64 = 1 << 40;

pub(super) fn explain(
    problem: &Problem,
    allowed: &Allowed,
    mut arena: Option<&mut Arena<'_>>,
    effort: &Effort,
    proof: Proof,
) -> Result<Infeasible, AssignError> {
    let limits = Limits::of(problem);
    let mut smallest = Vec::new();
    for (measure, &limit) in limits.measures.iter().enumerate() {
        let Some(asked) = limit else { continue };
        let mut others = limits.clone();
        others.measures[measure] = None;
        let answer = best(problem, allowed, Goal::Measure(measure), &others, arena.as_deref_mut(), effort)?;
        let (needed, proof) = match answer {
            Answer::Best { choice, proof, .. } => (Some(choice.totals[measure]), proof),
            Answer::None(proof) => (None, proof),
        };
        smallest.push(Smallest { measure: Some(measure), asked, needed, proof });
    }
    if let Some(arena) = arena.as_deref_mut() {
        smallest.push(smallest_arena(problem, allowed, &limits, arena, effort)?);
    }
    let nearest = nearest(problem, allowed, &limits, arena, effort)?;
    Ok(Infeasible { proof, smallest, nearest })
}

/// Finds choices of ever smaller peaks until there is none.
fn smallest_arena(
    problem: &Problem,
    allowed: &Allowed,
    limits: &Limits,
    arena: &mut Arena<'_>,
    effort: &Effort,
) -> Result<Smallest, AssignError> {
    let asked = std::mem::replace(&mut arena.limit, u64::MAX);
    let mut needed = None;
    let proof = loop {
        match best(problem, allowed, Goal::ActivationBits, limits, Some(arena), effort) {
            Ok(Answer::Best { choice, .. }) => needed = choice.arena,
            Ok(Answer::None(proof)) => break Ok(proof),
            Err(error) => break Err(error),
        }
        match needed {
            None | Some(0) => break Ok(Some(Proof::Complete)),
            Some(peak) => arena.limit = peak - 1,
        }
    };
    arena.limit = asked;
    Ok(Smallest { measure: None, asked, needed, proof: proof? })
}

/// Doubles the growth until the limits do, then halves the interval.
fn nearest(
    problem: &Problem,
    allowed: &Allowed,
    limits: &Limits,
    mut arena: Option<&mut Arena<'_>>,
    effort: &Effort,
) -> Result<Option<Nearest>, AssignError> {
    let mut within = |growth: u64| {
        let mut grown = limits.clone();
        grown.measures.iter_mut().flatten().for_each(|limit| *limit = grow(*limit, growth));
        let asked = arena.as_deref_mut().map(|arena| {
            let asked = arena.limit;
            arena.limit = grow(asked, growth);
            asked
        });
        let answer = best(problem, allowed, Goal::Objective, &grown, arena.as_deref_mut(), effort);
        if let (Some(arena), Some(asked)) = (arena.as_deref_mut(), asked) {
            arena.limit = asked;
        }
        answer
    };
    let (mut too_small, mut growth) = (0, 1);
    // That nothing fits at the growth before, and that the choice is the best at this one.
    let mut less = Some(Proof::Complete);
    let mut found = loop {
        match within(growth)? {
            Answer::Best { choice, proof, .. } => break (choice, proof),
            Answer::None(proof) => less = proof,
        }
        if growth >= LARGEST_GROWTH {
            return Ok(None);
        }
        (too_small, growth) = (growth, growth * 2);
    };
    while growth - too_small > 1 {
        let middle = too_small + (growth - too_small) / 2;
        match within(middle)? {
            Answer::Best { choice, proof, .. } => (growth, found) = (middle, (choice, proof)),
            Answer::None(proof) => (too_small, less) = (middle, proof),
        }
    }
    let proof = less.zip(found.1).map(|(less, best)| less.weaker(best));
    Ok(Some(Nearest { growth_permille: growth, choice: found.0, proof }))
}

fn grow(limit: u64, permille: u64) -> u64 {
    let grown = u128::from(limit) * u128::from(1000 + permille) / 1000;
    u64::try_from(grown).unwrap_or(u64::MAX)
}
