//! Of equally good choices the first. Where the objective does not see some widths, equally good choices are many:
//! listing them takes too long, and asking for a better place in the order, layer by layer, does not.

use super::allowed::Allowed;
use super::bound::{Bound, Floats};
use super::finder::{Finder, Memory};
use super::node::Node;
use super::reduced::{Keep, Reduced};
use super::search::Aim;
use super::{AssignError, prices};

/// The first of the choices that have the value of `best`, and whether the effort sufficed to be sure.
///
/// Layer by layer, asks for every earlier candidate whether a choice with it, and with the candidates of the layers
/// before, has that value.
pub(super) fn first(
    finder: &mut Finder<'_>,
    allowed: &Allowed,
    best: (i128, Vec<usize>),
    memory: &mut Memory<'_, '_>,
) -> Result<(Vec<usize>, bool), AssignError> {
    let (value, mut candidates) = best;
    let below = value + finder.scale.unit();
    let mut allowed = possible(finder, allowed, below)?;
    let mut complete = true;
    for layer in 0..candidates.len() {
        let earlier = allowed.candidates[layer].clone().into_iter().take_while(|&at| at < candidates[layer]);
        for candidate in earlier {
            let Some(narrowed) = allowed.with(finder.problem, layer, |at| at == candidate) else { continue };
            let found = finder.search(&narrowed, Aim::Any(below), memory)?;
            if let Some((_, better)) = found.best {
                candidates = better;
                break;
            }
            complete &= found.complete;
        }
        let taken = candidates[layer];
        if let Some(narrowed) = allowed.with(finder.problem, layer, |at| at == taken) {
            allowed = narrowed;
        }
    }
    Ok((candidates, complete))
}

/// Without the candidates that no choice below a value has, as far as one bound tells.
fn possible(finder: &Finder<'_>, allowed: &Allowed, below: i128) -> Result<Allowed, AssignError> {
    let reduced = Reduced::new(finder.problem, allowed, finder.scale, &finder.limits, Keep::All)?;
    let floats = Floats::new(&reduced);
    let mut node = Node::root(&reduced);
    node.settle(&reduced);
    let target = below as f64 / reduced.worst.max(1) as f64;
    prices::improve(&reduced, &floats, &mut node, target, |_| ());
    let bound = Bound::new(&reduced, &node);
    let mut left: Vec<Vec<usize>> = vec![Vec::new(); allowed.candidates.len()];
    for (at, group) in reduced.groups.iter().enumerate() {
        for option in node.left(&reduced, at).filter(|&option| bound.value + bound.regret[option] < below) {
            for (&layer, &candidate) in group.layers.iter().zip(&reduced.picks[option].candidates) {
                left[layer].push(candidate);
            }
        }
    }
    let mut possible = allowed.clone();
    for (candidates, left) in possible.candidates.iter_mut().zip(&left) {
        candidates.retain(|candidate| left.contains(candidate));
    }
    Ok(possible)
}
