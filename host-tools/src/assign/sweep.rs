//! What a limit costs: the best choices over one limit, and what each layer's second best would cost.

use serde::Serialize;

use super::allowed::Allowed;
use super::arena::Arena;
use super::finder::Effort;
use super::reduced::Limits;
use super::scale::Goal;
use super::solve::{Answer, Proof, best};
use super::{AssignError, Choice, Problem};

/// A point of the front of objective over a measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepPoint {
    /// The limit that was set.
    pub limit: u64,
    /// The best choice within it that was found.
    pub choice: Choice,
    /// Why it is the best; `None` where the effort ended before.
    pub proof: Option<Proof>,
}

/// The front of objective over one measure, between the least total that the other limits allow and the total
/// beyond which more is of no use: the best choices at `points` limits at equal distances, each choice once, totals
/// ascending, objectives descending. The measure's own limit does not count, the others do. Empty where they cannot
/// be kept.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn sweep(
    problem: &Problem,
    measure: usize,
    points: usize,
    mut arena: Option<&mut Arena<'_>>,
    effort: &Effort,
) -> Result<Vec<SweepPoint>, AssignError> {
    let allowed = Allowed::new(problem)?;
    if measure >= problem.measures.len() {
        return Err(AssignError::InvalidMeasure { measure, measures: problem.measures.len() });
    }
    let mut limits = Limits::of(problem);
    limits.measures[measure] = None;
    let mut ends = Vec::new();
    for goal in [Goal::Measure(measure), Goal::Objective] {
        match best(problem, &allowed, goal, &limits, arena.as_deref_mut(), effort)? {
            Answer::Best { choice, .. } => ends.push(choice.totals[measure]),
            Answer::None(_) => return Ok(Vec::new()),
        }
    }
    let (least, most) = (ends[0], ends[1].max(ends[0]));
    let steps = points.saturating_sub(1).max(1) as u64;
    let mut front: Vec<SweepPoint> = Vec::new();
    for point in 0..points as u64 {
        let limit = least + (u128::from(most - least) * u128::from(point) / u128::from(steps)) as u64;
        limits.measures[measure] = Some(limit);
        let answer = best(problem, &allowed, Goal::Objective, &limits, arena.as_deref_mut(), effort)?;
        let Answer::Best { choice, proof, .. } = answer else { continue };
        // Ties in the objective are broken by the first measure: a later choice may be as good and take less.
        front.retain(|earlier| {
            earlier.choice.objective > choice.objective
                || earlier.choice.totals[measure] < choice.totals[measure]
        });
        if front.iter().all(|earlier| earlier.choice.objective > choice.objective) {
            front.push(SweepPoint { limit, choice, proof });
        }
    }
    Ok(front)
}

/// The front of objective over peak memory: the best choice without a limit on it, then always the best that takes at
/// least a byte less, at most `points`; peaks and objectives as [`Choice`] has them, peaks descending. The arena's own
/// limit does not count.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn sweep_memory(
    problem: &Problem,
    points: usize,
    arena: &mut Arena<'_>,
    effort: &Effort,
) -> Result<Vec<SweepPoint>, AssignError> {
    let allowed = Allowed::new(problem)?;
    let limits = Limits::of(problem);
    let own = std::mem::replace(&mut arena.limit, u64::MAX);
    let mut front = Vec::new();
    let result = loop {
        if front.len() == points {
            break Ok(front);
        }
        match best(problem, &allowed, Goal::Objective, &limits, Some(arena), effort) {
            Ok(Answer::Best { choice, proof, .. }) => {
                let less = choice.arena.and_then(|peak| peak.checked_sub(1));
                front.push(SweepPoint { limit: arena.limit, choice, proof });
                let Some(less) = less else { break Ok(front) };
                arena.limit = less;
            }
            Ok(Answer::None(_)) => break Ok(front),
            Err(error) => break Err(error),
        }
    };
    arena.limit = own;
    result
}

/// For every layer the least objective of a choice in which the layer takes another candidate than in `choice`;
/// `None` where there is no such choice within the limits, or none was found. The difference to the objective of
/// `choice` is what its candidate of the layer is worth.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn runners_up(
    problem: &Problem,
    choice: &Choice,
    mut arena: Option<&mut Arena<'_>>,
    effort: &Effort,
) -> Result<Vec<Option<f64>>, AssignError> {
    let all = Allowed::new(problem)?;
    let each = choice.candidates.iter().enumerate().map(|(layer, &candidate)| {
        let Some(allowed) = all.with(problem, layer, |at| at != candidate) else { return Ok(None) };
        match best(problem, &allowed, Goal::Objective, &Limits::of(problem), arena.as_deref_mut(), effort) {
            Ok(Answer::Best { choice, .. }) => Ok(Some(choice.objective)),
            Ok(Answer::None(_)) | Err(AssignError::NoJointBits { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    });
    each.collect()
}
