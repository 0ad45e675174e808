//! The definition of the answer: every choice, one after the other.

use crate::assign::{Operand, Problem};

/// What enumeration calls best: objective, total of the first measure, candidates.
pub(super) type Key = (f64, u64, Vec<usize>);

/// Peak bytes of a pattern of activation bits.
pub(super) type Peak<'a> = &'a dyn Fn(&[u8]) -> u64;

/// Every choice that keeps ties, fixed and least widths.
pub(super) fn choices(problem: &Problem) -> Vec<Vec<usize>> {
    let mut choices = vec![Vec::new()];
    for at in 0..problem.layers.len() {
        let extend = |choice: &Vec<usize>| {
            let longer =
                (0..problem.layers[at].candidates.len()).map(|one| [choice.as_slice(), &[one]].concat());
            longer.filter(|choice| permitted(problem, choice)).collect::<Vec<_>>()
        };
        choices = choices.iter().flat_map(extend).collect();
    }
    choices
}

fn permitted(problem: &Problem, choice: &[usize]) -> bool {
    let bits = |layer: usize| problem.layers[layer].candidates[choice[layer]].bits;
    let own = choice.iter().enumerate().all(|(at, _)| {
        let layer = &problem.layers[at];
        layer.fixed_weights.is_none_or(|fixed| bits(at).weights == fixed)
            && layer.fixed_activations.is_none_or(|fixed| bits(at).activations == fixed)
            && bits(at).weights >= layer.minimum.weights
            && bits(at).activations >= layer.minimum.activations
    });
    own && problem.ties.iter().all(|tie| {
        let mut widths =
            tie.layers.iter().filter(|&&layer| layer < choice.len()).map(|&layer| match tie.operand {
                Operand::Weights => bits(layer).weights,
                Operand::Activations => bits(layer).activations,
            });
        let first = widths.next();
        widths.all(|width| Some(width) == first)
    })
}

/// The sum of a measure.
pub(super) fn total(problem: &Problem, choice: &[usize], measure: usize) -> u64 {
    let costs = problem.layers.iter().zip(choice).map(|(layer, &at)| layer.candidates[at].costs[measure]);
    problem.measures[measure].constant + costs.sum::<u64>()
}

/// Peak bytes of a choice.
pub(super) fn peak(problem: &Problem, choice: &[usize], peak: Peak<'_>) -> u64 {
    let bits: Vec<u8> =
        problem.layers.iter().zip(choice).map(|(layer, &at)| layer.candidates[at].bits.activations).collect();
    peak(&bits)
}

/// The best choice; objectives must add exactly.
pub(super) fn best(problem: &Problem, arena: Option<(u64, Peak<'_>)>) -> Option<Key> {
    let mut best: Option<Key> = None;
    for choice in choices(problem) {
        let within =
            |at: usize| problem.measures[at].limit.is_none_or(|limit| total(problem, &choice, at) <= limit);
        let fits = (0..problem.measures.len()).all(within)
            && arena.is_none_or(|(limit, oracle)| peak(problem, &choice, oracle) <= limit);
        if fits {
            let objective =
                problem.layers.iter().zip(&choice).map(|(layer, &at)| layer.candidates[at].objective).sum();
            let key = (objective, total(problem, &choice, 0), choice);
            if best.as_ref().is_none_or(|best| key < *best) {
                best = Some(key);
            }
        }
    }
    best
}
