//! The best choice within a limit on peak memory.
//!
//! Searches without memory first. While the best choice found so does not fit, it holds a conflict: a few layers
//! whose activations are too wide together. That more bits never take less memory makes it a rule, and a rule is
//! one more limit on a sum. Then, as long as the oracle may be asked, a search that knows no such rules proves that
//! they excluded nothing.

use std::time::Instant;

use super::allowed::Allowed;
use super::arena::Arena;
use super::reduced::{Keep, Limits, Reduced};
use super::scale::Goal;
use super::search::{Effort, Search};
use super::solve::{Answer, Proof};
use super::{AssignError, Problem};

/// What the rules led to.
struct Ruled {
    /// The best choice that fits.
    candidates: Option<Vec<usize>>,
    /// Whether there is no better one, if the rules hold.
    complete: bool,
    /// How many rules there are.
    rules: usize,
}

pub(super) fn best(
    problem: &Problem,
    allowed: &Allowed,
    goal: Goal,
    limits: &Limits,
    arena: &mut Arena<'_>,
    effort: &Effort,
) -> Result<Answer, AssignError> {
    let began = Instant::now();
    let half = Effort { time: effort.time / 2, ..*effort };
    let ruled = by_rules(problem, allowed, goal, limits, arena, &half)?;
    let reduced = Reduced::new(problem, allowed, goal, limits, Keep::Patterns)?;
    let value = |candidates: &Vec<usize>| {
        candidates.iter().enumerate().map(|(layer, &at)| reduced.scale.value(problem, layer, at)).sum()
    };
    let value = ruled.candidates.as_ref().map_or(0, value);
    let trusted = ruled.complete && arena.contradiction().is_none();
    let (bound, candidates, proof) = if ruled.complete && ruled.rules == 0 {
        (value, ruled.candidates, Some(Proof::Complete))
    } else if trusted && arena.calls() >= effort.oracle_calls {
        (value, ruled.candidates, Some(Proof::IfMonotone))
    } else {
        // Where the rules gave no answer, one may take any number of calls.
        let calls = if trusted { effort.oracle_calls } else { usize::MAX };
        let left =
            Effort { time: effort.time.saturating_sub(began.elapsed()), oracle_calls: calls, ..*effort };
        let mut search = Search::new(&reduced, Some(arena), &left);
        search.start(ruled.candidates, value);
        let found = search.run()?;
        let monotone = (trusted && arena.contradiction().is_none()).then_some(Proof::IfMonotone);
        (found.bound, found.candidates, if found.complete { Some(Proof::Complete) } else { monotone })
    };
    let Some(candidates) = candidates else { return Ok(Answer::None(proof)) };
    let mut choice = problem.evaluate(candidates);
    choice.arena = Some(arena.peak(&problem.activations(&choice.candidates))?);
    Ok(Answer::Best { choice, proof, bound: reduced.scale.objective(bound) })
}

/// Adds rules until the best choice fits. Ends without choice where the oracle is seen to contradict the rules.
fn by_rules(
    problem: &Problem,
    allowed: &Allowed,
    goal: Goal,
    limits: &Limits,
    arena: &mut Arena<'_>,
    effort: &Effort,
) -> Result<Ruled, AssignError> {
    let began = Instant::now();
    let mut limits = limits.clone();
    let widths: Vec<Vec<u8>> = allowed
        .candidates
        .iter()
        .enumerate()
        .map(|(layer, left)| {
            let bits = left.iter().map(|&at| problem.layers[layer].candidates[at].bits.activations);
            let mut widths: Vec<u8> = bits.collect();
            widths.sort_unstable();
            widths.dedup();
            widths
        })
        .collect();
    loop {
        let rules = limits.conflicts.len();
        let unknown = Ruled { candidates: None, complete: false, rules };
        let left = Effort { time: effort.time.saturating_sub(began.elapsed()), ..*effort };
        let reduced = Reduced::new(problem, allowed, goal, &limits, Keep::Patterns)?;
        let found = Search::new(&reduced, None, &left).run()?;
        let Some(candidates) = found.candidates else {
            return Ok(Ruled { complete: found.complete, ..unknown });
        };
        let activations = problem.activations(&candidates);
        if arena.peak(&activations)? <= arena.limit {
            return Ok(Ruled { candidates: Some(candidates), complete: found.complete, rules });
        }
        if !found.complete || arena.contradiction().is_some() {
            return Ok(unknown);
        }
        limits.conflicts.push(arena.conflict(&activations, &widths)?);
        if arena.contradiction().is_some() {
            return Ok(unknown);
        }
    }
}
