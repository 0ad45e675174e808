//! The searches of one question: they share its values, its effort, and what was learnt of memory.

use std::time::{Duration, Instant};

use super::allowed::Allowed;
use super::arena::Arena;
use super::reduced::{Keep, Limits, Reduced};
use super::scale::{Goal, Scale};
use super::search::{Aim, Budget, Found, Search};
use super::{AssignError, Problem, merge, order};

/// How long to look for an answer. Explaining why nothing fits, and fronts, take one answer per number.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Parts of the choices that are looked at.
    pub nodes: u64,
    /// Time. A search that it ends may end elsewhere on another machine; one that it does not end is reproducible.
    pub time: Duration,
    /// Patterns of activation widths that the oracle may be asked for in all before its answers are taken never to
    /// need less memory for more bits. Has no effect on what is asked to find the choice.
    pub oracle_calls: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { nodes: u64::MAX, time: Duration::from_secs(60), oracle_calls: 1024 }
    }
}

/// How memory is taken into account.
pub(super) enum Memory<'m, 'o> {
    /// Not at all.
    Unlimited,
    /// By [`Limits::conflicts`], learnt from choices that do not fit, and right where more bits never take less.
    Rules(&'m mut Arena<'o>),
    /// By asking for every pattern that a choice of interest has.
    Patterns(&'m mut Arena<'o>),
}

/// The searches of one question.
pub(super) struct Finder<'p> {
    pub(super) problem: &'p Problem,
    pub(super) scale: Scale,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    /// Widths that the activations of every layer can have, ascending.
    widths: Vec<Vec<u8>>,
    /// Whether of equal choices the first is asked for: it is for an answer, not for a number.
    ordered: bool,
}

impl<'p> Finder<'p> {
    pub(super) fn new(
        problem: &'p Problem,
        allowed: &Allowed,
        goal: Goal,
        limits: &Limits,
        effort: &Effort,
    ) -> Result<Self, AssignError> {
        // Here, and not in a search, ties that cannot be kept are an error.
        merge::parts(problem, allowed)?;
        let budget =
            Budget { nodes: effort.nodes, until: Instant::now() + effort.time, calls: effort.oracle_calls };
        let ordered = matches!(goal, Goal::Objective);
        let widths = allowed.activation_widths(problem);
        let scale = Scale::new(problem, allowed, goal);
        Ok(Self { problem, scale, limits: limits.clone(), budget, widths, ordered })
    }

    /// The best choice, from one that is known to be possible.
    pub(super) fn best(
        &mut self,
        allowed: &Allowed,
        known: Option<Vec<usize>>,
        memory: &mut Memory<'_, '_>,
    ) -> Result<Found, AssignError> {
        let known = known.map(|candidates| (self.scale.sum(self.problem, &candidates), candidates));
        let below = known.as_ref().map_or(i128::MAX, |(value, _)| *value);
        let mut found = self.search(allowed, Aim::Least(below), memory)?;
        if found.best.is_none() {
            found.best = known;
        }
        match found.best.take() {
            Some((value, candidates)) if found.complete && self.ordered => {
                let (candidates, complete) = order::first(self, allowed, (value, candidates), memory)?;
                Ok(Found { best: Some((value, candidates)), complete, ..found })
            }
            best => Ok(Found { best, ..found }),
        }
    }

    /// One search, or as many as it takes to learn the rules of memory.
    pub(super) fn search(
        &mut self,
        allowed: &Allowed,
        aim: Aim,
        memory: &mut Memory<'_, '_>,
    ) -> Result<Found, AssignError> {
        let keep = match memory {
            Memory::Unlimited => Keep::AnyMemory,
            Memory::Rules(_) => Keep::LessMemory,
            Memory::Patterns(_) => Keep::SameMemory,
        };
        loop {
            let reduced = match Reduced::new(self.problem, allowed, self.scale, &self.limits, keep) {
                // What was left of the candidates does not go together.
                Err(AssignError::NoJointBits { .. }) => {
                    let (Aim::Least(bound) | Aim::Any(bound)) = aim;
                    return Ok(Found { best: None, bound, complete: true });
                }
                reduced => reduced?,
            };
            let asked = match memory {
                Memory::Unlimited | Memory::Rules(_) => None,
                Memory::Patterns(arena) => Some(&mut **arena),
            };
            let found = Search::new(&reduced, asked, &mut self.budget, aim).run()?;
            let (Memory::Rules(arena), Some((_, candidates))) = (&mut *memory, &found.best) else {
                return Ok(found);
            };
            let activations = self.problem.activations(candidates);
            if arena.peak(&activations)? <= arena.limit {
                return Ok(found);
            }
            if !found.complete || arena.contradiction().is_some() {
                return Ok(Found { best: None, complete: false, ..found });
            }
            self.limits.conflicts.push(arena.conflict(&activations, &self.widths)?);
        }
    }
}
