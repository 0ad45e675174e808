//! The best choice within a limit on peak memory.
//!
//! First by rules: while the best choice does not fit, it holds a conflict, a few layers whose activations are too
//! wide together. That more bits never take less memory makes it a rule, and a rule is one more limit on a sum.
//! Then, as long as the oracle may be asked, a search that knows no such rules proves that they excluded nothing.

use std::time::Instant;

use super::AssignError;
use super::allowed::Allowed;
use super::arena::Arena;
use super::finder::{Effort, Finder, Memory};
use super::solve::{Answer, Proof};

pub(super) fn best(
    mut finder: Finder<'_>,
    allowed: &Allowed,
    arena: &mut Arena<'_>,
    effort: &Effort,
) -> Result<Answer, AssignError> {
    let until = finder.budget.until;
    finder.budget.until = Instant::now() + effort.time / 2;
    let mut found = finder.best(allowed, None, &mut Memory::Rules(arena))?;
    let rules = std::mem::take(&mut finder.limits.conflicts);
    let trusted = found.complete && arena.contradiction().is_none();
    let proof = if found.complete && rules.is_empty() {
        Some(Proof::Complete)
    } else if trusted && arena.calls() >= effort.oracle_calls {
        Some(Proof::IfMonotone)
    } else {
        finder.budget.until = until;
        if !trusted {
            // Where the rules gave no answer, one may take any number of calls.
            finder.budget.calls = usize::MAX;
        }
        let known = found.best.map(|(_, candidates)| candidates);
        found = finder.best(allowed, known, &mut Memory::Patterns(arena))?;
        let monotone = (trusted && arena.contradiction().is_none()).then_some(Proof::IfMonotone);
        if found.complete { Some(Proof::Complete) } else { monotone }
    };
    let Some((_, candidates)) = found.best else { return Ok(Answer::None(proof)) };
    let mut choice = finder.problem.evaluate(candidates);
    choice.arena = Some(arena.peak(&finder.problem.activations(&choice.candidates))?);
    Ok(Answer::Best { choice, proof, bound: finder.scale.objective(found.bound) })
}
