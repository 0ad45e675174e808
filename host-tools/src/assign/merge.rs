//! Which layers are decided together: those that ties bind, as long as their joint choices are few.

use super::allowed::Allowed;
use super::reduced::Shared;
use super::{AssignError, Operand, Problem};

/// Layers decided together, ascending, and every choice that their ties allow.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) layers: Vec<usize>,
    /// One candidate per layer each.
    pub(super) choices: Vec<Vec<usize>>,
}

/// Joint choices beyond which tied layers stay apart and a [`Shared`] width is branched on instead.
const MOST_CHOICES: usize = 512;

/// All layers in parts, ordered by their first layer, and the widths that parts must agree on.
pub(super) fn parts(problem: &Problem, allowed: &Allowed) -> Result<(Vec<Part>, Vec<Shared>), AssignError> {
    let mut parts = Vec::new();
    let mut links: Vec<Shared> = Vec::new();
    for layers in components(allowed) {
        if let Some(choices) = joint(problem, allowed, &layers) {
            parts.push(Part { layers, choices });
            continue;
        }
        // Layers that agree on both widths have as many joint choices as the first of them has candidates at most.
        let cells = gather(layers, |layer| (allowed.weights[layer], allowed.activations[layer]));
        for operand in [Operand::Weights, Operand::Activations] {
            let class = |cell: &Vec<usize>| allowed.class(operand)[cell[0]];
            let mut classes: Vec<usize> = cells.iter().map(class).collect();
            classes.sort_unstable();
            let shared = classes.chunk_by(|one, other| one == other).filter(|cells| cells.len() > 1);
            links.extend(shared.map(|cells| Shared { operand, class: cells[0] }));
        }
        for layers in cells {
            let choices = agreeing(problem, allowed, &layers);
            parts.push(Part { layers, choices });
        }
    }
    if let Some(part) = parts.iter().find(|part| part.choices.is_empty()) {
        let layers = part.layers.iter().map(|&layer| problem.layers[layer].name.clone()).collect();
        return Err(AssignError::NoJointBits { layers });
    }
    parts.sort_by_key(|part| part.layers[0]);
    Ok((parts, links))
}

/// Layers that ties connect, directly or over others.
fn components(allowed: &Allowed) -> Vec<Vec<usize>> {
    let mut component: Vec<usize> = (0..allowed.candidates.len()).collect();
    for operand in [Operand::Weights, Operand::Activations] {
        for (layer, &first) in allowed.class(operand).iter().enumerate() {
            let (from, to) = (component[layer].max(component[first]), component[layer].min(component[first]));
            component.iter_mut().filter(|one| **one == from).for_each(|one| *one = to);
        }
    }
    gather((0..component.len()).collect(), |layer| component[layer])
}

/// Layers with equal keys, in the order of their first layers.
fn gather<K: PartialEq>(layers: Vec<usize>, key: impl Fn(usize) -> K) -> Vec<Vec<usize>> {
    let mut gathered: Vec<Vec<usize>> = Vec::new();
    for layer in layers {
        match gathered.iter_mut().find(|group| key(group[0]) == key(layer)) {
            Some(group) => group.push(layer),
            None => gathered.push(vec![layer]),
        }
    }
    gathered
}

/// All joint choices of a few tied layers; `None` where they are too many.
fn joint(problem: &Problem, allowed: &Allowed, layers: &[usize]) -> Option<Vec<Vec<usize>>> {
    if layers.len() == 1 {
        return Some(allowed.candidates[layers[0]].iter().map(|&at| vec![at]).collect());
    }
    let mut choices: Vec<Vec<usize>> = vec![Vec::new()];
    for (place, &layer) in layers.iter().enumerate() {
        let bits = |layer: usize, at: usize| problem.layers[layer].candidates[at].bits;
        let mut longer = Vec::new();
        for choice in &choices {
            for &at in &allowed.candidates[layer] {
                let agrees = [Operand::Weights, Operand::Activations].into_iter().all(|operand| {
                    let class = allowed.class(operand);
                    let tied = layers[..place].iter().position(|&other| class[other] == class[layer]);
                    tied.is_none_or(|tied| {
                        operand.of(bits(layers[tied], choice[tied])) == operand.of(bits(layer, at))
                    })
                });
                if agrees {
                    longer.push([choice.as_slice(), &[at]].concat());
                }
            }
        }
        choices = longer;
        if choices.len() > MOST_CHOICES {
            return None;
        }
    }
    Some(choices)
}

/// Choices of layers that agree on both widths.
fn agreeing(problem: &Problem, allowed: &Allowed, layers: &[usize]) -> Vec<Vec<usize>> {
    let find = |layer: usize, bits| {
        allowed.candidates[layer]
            .iter()
            .copied()
            .find(|&at| problem.layers[layer].candidates[at].bits == bits)
    };
    allowed.candidates[layers[0]]
        .iter()
        .filter_map(|&at| {
            let bits = problem.layers[layers[0]].candidates[at].bits;
            layers.iter().map(|&layer| find(layer, bits)).collect()
        })
        .collect()
}
