//! Control arm: widths by chance, at the same bytes.

use super::allowed::Allowed;
use super::arena::Arena;
use super::node::Node;
use super::reduced::{Keep, Limits, Reduced};
use super::scale::{Goal, Scale};
use super::{AssignError, Choice, Problem};
use crate::random::{Purpose, Random};

/// Proposals of a walk, per group of layers.
const PROPOSALS: usize = 200;
/// Groups that a proposal changes at most.
const MOST_CHANGED: usize = 4;

/// A choice by chance that keeps all limits, and whose total of the first measure is that of `like` or up to
/// `tolerance_permille` thousandths of it less. `like` must keep ties, limits and fixed widths.
///
/// It is where a random walk from `like` ends after 200 proposals per group of tied layers: each redraws up to
/// four groups among all their options and is taken where everything holds. As many proposals more are taken only
/// where the total does not fall, so that it comes near `like`'s. A seed gives one choice, on every machine.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn random(
    problem: &Problem,
    like: &Choice,
    tolerance_permille: u64,
    seed: u64,
    mut arena: Option<&mut Arena<'_>>,
) -> Result<Choice, AssignError> {
    let allowed = Allowed::new(problem)?;
    let (most, layers) = (like.totals.first().copied().unwrap_or(0), problem.layers.len());
    if like.candidates.len() != layers {
        return Err(AssignError::InvalidScores { what: "candidates", found: like.candidates.len(), layers });
    }
    let scale = Scale::new(problem, &allowed, Goal::Objective);
    let reduced = Reduced::new(problem, &allowed, scale, &Limits::of(problem), Keep::All)?;
    let mut least = most - (u128::from(most) * u128::from(tolerance_permille.min(1000)) / 1000) as u64;
    let mut numbers = Random::new(seed, Purpose::Widths, 0, 0);
    let mut below = |bound: usize| numbers.below(bound as u32) as usize;
    let mut current: Vec<usize> = Vec::with_capacity(reduced.groups.len());
    for group in &reduced.groups {
        let same = |option: &usize| {
            group
                .layers
                .iter()
                .zip(&reduced.picks[*option].candidates)
                .all(|(&layer, &at)| like.candidates[layer] == at)
        };
        let Some(option) = group.options.clone().find(same) else {
            return Err(AssignError::InvalidChoice { layer: problem.layers[group.layers[0]].name.clone() });
        };
        current.push(option);
    }
    let mut choice = like.clone();
    let walk = PROPOSALS * reduced.groups.len();
    for proposal in 0..2 * walk {
        if proposal >= walk {
            least = choice.totals.first().copied().unwrap_or(0);
        }
        let mut proposed = current.clone();
        for _ in 0..1 + below(MOST_CHANGED) {
            let group = below(proposed.len());
            let options = &reduced.groups[group].options;
            proposed[group] = options.start + below(options.len());
        }
        if proposed == current || !Node::within(&reduced, &proposed) || !Node::linked(&reduced, &proposed) {
            continue;
        }
        let candidates = reduced.candidates(&proposed);
        let bytes = problem.evaluate(candidates.clone()).totals.first().copied().unwrap_or(0);
        if !(least..=most).contains(&bytes) {
            continue;
        }
        if let Some(admitted) = problem.admit(candidates, arena.as_deref_mut())? {
            (current, choice) = (proposed, admitted);
        }
    }
    Ok(choice)
}
