//! A problem as the search sees it: groups of layers that are decided together, options that can be part of the
//! best choice, limits that can bind.

use std::ops::Range;

use super::allowed::Allowed;
use super::scale::Scale;
use super::{AssignError, Operand, Problem, merge};

/// Layers decided together. Their options are sorted as lists of candidates.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) layers: Vec<usize>,
    /// Place in the lists of [`Reduced`].
    pub(super) options: Range<usize>,
    /// Indices into [`Reduced::links`].
    pub(super) links: Vec<usize>,
    /// An earlier group with the same options. Of choices that differ by an exchange between the two only the one
    /// with the smaller option in the earlier group is looked at.
    pub(super) twin: Option<usize>,
}

/// A candidate for every layer of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pick {
    pub(super) value: i128,
    /// Costs in the measures of [`Reduced::measures`].
    pub(super) costs: Vec<i64>,
    /// One candidate per layer of the group.
    pub(super) candidates: Vec<usize>,
    /// Bits of activations, one per layer of the group.
    pub(super) activations: Vec<u8>,
    /// The width that each of the group's links sees.
    pub(super) links: Vec<u8>,
}

/// Groups that must agree on a width and are too many to be decided together.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) groups: Vec<usize>,
}

/// Which options of a group a search may do without: those that another one replaces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keep {
    /// No option replaces another one.
    All,
    /// An option replaces those with the same bits of activations.
    SameMemory,
    /// An option replaces those with nowhere fewer bits of activations.
    LessMemory,
    /// An option replaces any.
    AnyMemory,
}

/// What applies to all layers together.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// Per measure its limit.
    pub(super) measures: Vec<Option<u64>>,
    /// Lists of layers that must not all have so many bits of activations or more.
    pub(super) conflicts: Vec<Vec<(usize, u8)>>,
}

impl Limits {
    pub(super) fn of(problem: &Problem) -> Self {
        Self {
            measures: problem.measures.iter().map(|measure| measure.limit).collect(),
            conflicts: Vec::new(),
        }
    }
}

/// The search's view of a problem.
#[derive(Debug)]
pub(super) struct Reduced {
    pub(super) layers: usize,
    pub(super) groups: Vec<Group>,
    pub(super) picks: Vec<Pick>,
    pub(super) links: Vec<Link>,
    /// How much the layers may take of every measure whose limit can bind; negative where constants exceed it.
    pub(super) capacity: Vec<i64>,
    /// The largest sum of each of these measures.
    pub(super) largest: Vec<i64>,
    /// The largest value of a choice.
    pub(super) worst: i128,
    pub(super) scale: Scale,
}

impl Reduced {
    pub(super) fn new(
        problem: &Problem,
        allowed: &Allowed,
        scale: Scale,
        limits: &Limits,
        keep: Keep,
    ) -> Result<Self, AssignError> {
        let binding = binding(problem, allowed, limits);
        let mut reduced = Self {
            layers: problem.layers.len(),
            groups: Vec::new(),
            picks: Vec::new(),
            links: Vec::new(),
            capacity: binding.iter().map(|one| one.capacity).collect(),
            largest: binding.iter().map(|one| one.largest).collect(),
            worst: 0,
            scale,
        };
        let (parts, links) = merge::parts(problem, allowed)?;
        reduced.links = links.iter().map(|_| Link { groups: Vec::new() }).collect();
        for part in parts {
            let seen: Vec<usize> =
                (0..links.len()).filter(|&at| links[at].sees(allowed, &part.layers)).collect();
            let picks = part.choices.iter().map(|candidates| {
                let bits = |at: usize| problem.layers[part.layers[at]].candidates[candidates[at]].bits;
                let each = || part.layers.iter().copied().zip(candidates.iter().copied());
                Pick {
                    value: each().map(|(layer, at)| reduced.scale.value(problem, layer, at)).sum(),
                    costs: binding
                        .iter()
                        .map(|one| each().map(|(layer, at)| one.sum.cost(problem, layer, at)).sum())
                        .collect(),
                    activations: (0..candidates.len()).map(|at| bits(at).activations).collect(),
                    links: seen.iter().map(|&link| links[link].operand.of(bits(0))).collect(),
                    candidates: candidates.clone(),
                }
            });
            let mut picks: Vec<Pick> = picks.collect();
            picks.sort_by(|one, other| one.candidates.cmp(&other.candidates));
            reduced.push(part.layers, undominated(picks, keep), seen, keep);
        }
        Ok(reduced)
    }

    fn push(&mut self, layers: Vec<usize>, picks: Vec<Pick>, links: Vec<usize>, keep: Keep) {
        let at = self.groups.len();
        links.iter().for_each(|&link| self.links[link].groups.push(at));
        let alike = |group: &&Group| {
            links.is_empty()
                && group.links.is_empty()
                && group.layers.len() == layers.len()
                && self.picks[group.options.clone()] == picks
        };
        let same = |pick: &Pick| pick.activations == picks[0].activations;
        let exchangeable = match keep {
            Keep::All => false,
            Keep::SameMemory | Keep::LessMemory => picks.iter().all(same),
            Keep::AnyMemory => true,
        };
        let twin = if exchangeable { self.groups.iter().rposition(|group| alike(&group)) } else { None };
        self.worst += picks.iter().map(|pick| pick.value).max().unwrap_or(0);
        let options = self.picks.len()..self.picks.len() + picks.len();
        self.picks.extend(picks);
        self.groups.push(Group { layers, options, links, twin });
    }

    /// The candidates of all layers, from one option per group.
    pub(super) fn candidates(&self, chosen: &[usize]) -> Vec<usize> {
        let mut candidates = vec![0; self.layers];
        for (group, &option) in self.groups.iter().zip(chosen) {
            for (&layer, &candidate) in group.layers.iter().zip(&self.picks[option].candidates) {
                candidates[layer] = candidate;
            }
        }
        candidates
    }

    /// Activation bits of all layers, from one option per group.
    pub(super) fn activations(&self, chosen: &[usize]) -> Vec<u8> {
        let mut activations = vec![0; self.layers];
        for (group, &option) in self.groups.iter().zip(chosen) {
            for (&layer, &bits) in group.layers.iter().zip(&self.picks[option].activations) {
                activations[layer] = bits;
            }
        }
        activations
    }
}

/// Operand and class of layers that a link keeps equal.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) operand: Operand,
    pub(super) class: usize,
}

impl Shared {
    fn sees(&self, allowed: &Allowed, layers: &[usize]) -> bool {
        layers.iter().any(|&layer| allowed.class(self.operand)[layer] == self.class)
    }
}

/// A limit that not every choice keeps.
struct Binding<'a> {
    sum: Sum<'a>,
    capacity: i64,
    largest: i64,
}

/// What adds up.
enum Sum<'a> {
    Measure(usize),
    /// One for every layer that has so many bits of activations or more.
    Conflict(&'a [(usize, u8)]),
}

impl Sum<'_> {
    /// Below 2^53 over all layers, see [`Problem::validate`].
    fn cost(&self, problem: &Problem, layer: usize, candidate: usize) -> i64 {
        let candidate = &problem.layers[layer].candidates[candidate];
        match self {
            Self::Measure(measure) => candidate.costs[*measure] as i64,
            Self::Conflict(layers) => layers
                .iter()
                .map(|&(one, bits)| i64::from(one == layer && candidate.bits.activations >= bits))
                .sum(),
        }
    }
}

fn binding<'a>(problem: &Problem, allowed: &Allowed, limits: &'a Limits) -> Vec<Binding<'a>> {
    let measures = limits.measures.iter().enumerate().filter_map(|(measure, limit)| {
        let limit = i64::try_from((*limit)?).unwrap_or(i64::MAX);
        Some((Sum::Measure(measure), limit - problem.measures[measure].constant as i64))
    });
    let conflicts = limits.conflicts.iter().map(|layers| (Sum::Conflict(layers), layers.len() as i64 - 1));
    measures
        .chain(conflicts)
        .filter_map(|(sum, capacity)| {
            let most = |(layer, left): (usize, &Vec<usize>)| {
                left.iter().map(|&at| sum.cost(problem, layer, at)).max().unwrap_or(0)
            };
            let largest = allowed.candidates.iter().enumerate().map(most).sum();
            (capacity < largest).then_some(Binding { sum, capacity, largest })
        })
        .collect()
}

/// The options that no other one replaces: no worse in value and any cost, equal in what other groups see of it, and
/// first in order where both are the same. The options are in order.
fn undominated(mut picks: Vec<Pick>, keep: Keep) -> Vec<Pick> {
    let memory = |one: &Pick, other: &Pick| match keep {
        Keep::All => false,
        Keep::SameMemory => one.activations == other.activations,
        Keep::LessMemory => one.activations.iter().zip(&other.activations).all(|(one, other)| one <= other),
        Keep::AnyMemory => true,
    };
    let replaces = |one: &Pick, other: &Pick| {
        one.value <= other.value
            && one.costs.iter().zip(&other.costs).all(|(one, other)| one <= other)
            && one.links == other.links
            && memory(one, other)
    };
    let needed: Vec<bool> = picks
        .iter()
        .enumerate()
        .map(|(at, pick)| {
            !picks.iter().enumerate().any(|(other_at, other)| {
                at != other_at && replaces(other, pick) && (other_at < at || !replaces(pick, other))
            })
        })
        .collect();
    let mut needed = needed.iter();
    picks.retain(|_| needed.next() == Some(&true));
    picks
}
