//! Control arm: the same widths everywhere.

use serde::Serialize;

use super::allowed::Allowed;
use super::arena::Arena;
use super::merge;
use super::{AssignError, Bits, Choice, Problem};

/// The best uniform choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Uniform {
    /// The widths of every layer but the exceptions.
    pub bits: Bits,
    /// The choice.
    pub choice: Choice,
    /// Layers that fixed and least widths, ties or a lack of candidates keep from them; they take the nearest.
    pub exceptions: Vec<usize>,
}

/// Of the choices that give all layers the same widths and keep the limits the one of least objective; of equal
/// ones the one of the least total of the first measure. `None` where no such choice keeps the limits.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn uniform(problem: &Problem, mut arena: Option<&mut Arena<'_>>) -> Result<Option<Uniform>, AssignError> {
    let allowed = Allowed::new(problem)?;
    let (parts, _) = merge::parts(problem, &allowed)?;
    let every = problem.layers.iter().flat_map(|layer| &layer.candidates).map(|candidate| candidate.bits);
    let mut widths: Vec<Bits> = every.collect();
    widths.sort_unstable();
    widths.dedup();
    let mut best: Option<Uniform> = None;
    for bits in widths {
        let mut candidates = vec![0; problem.layers.len()];
        for part in &parts {
            let nearest = allowed.nearest(problem, part, bits);
            part.layers.iter().zip(nearest).for_each(|(&layer, at)| candidates[layer] = at);
        }
        if !allowed.agrees(problem, &candidates) {
            continue;
        }
        let Some(choice) = problem.admit(candidates, arena.as_deref_mut())? else { continue };
        let rank = |choice: &Choice| (choice.objective, choice.totals.first().copied());
        if best.as_ref().is_none_or(|best| rank(&choice) < rank(&best.choice)) {
            let taken = problem.bits(&choice);
            let exceptions = (0..taken.len()).filter(|&layer| taken[layer] != bits).collect();
            best = Some(Uniform { bits, choice, exceptions });
        }
    }
    Ok(best)
}
