//! What came before the integer program: widths that follow a ranking of the layers (HAWQ, HAWQ-V2).
//!
//! Layers are ordered by a score, and no layer gets fewer bits than one of a lower score: `C(L + m - 1, m - 1)`
//! choices for `L` layers and `m` steps of widths, of which every one is looked at.

use std::collections::BTreeMap;

use serde::Serialize;

use super::allowed::Allowed;
use super::arena::Arena;
use super::merge;
use super::{AssignError, Bits, Choice, Problem};

/// Choices beyond which a ranking is not enumerated.
const MOST_CHOICES: u128 = 1 << 23;

/// HAWQ-V2's answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// The choices that no other one that follows the ranking beats in objective and total of the first measure;
    /// totals ascending. Limits do not count.
    pub front: Vec<Choice>,
    /// Of all choices that follow the ranking and keep the limits the one of least objective.
    pub best: Option<Choice>,
}

/// HAWQ: layers in the order of `eigenvalues[i] / parameters[i]`, the largest eigenvalue of a layer's Hessian per
/// parameter. It ranks and leaves the choice to hand: these are the choices that keep all limits and follow the
/// ranking, those first whose total of the first measure is nearest to `target` from below, at most `count`.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn hawq_v1(
    problem: &Problem,
    eigenvalues: &[f64],
    parameters: &[u64],
    steps: &[Bits],
    target: u64,
    count: usize,
    mut arena: Option<&mut Arena<'_>>,
) -> Result<Vec<Choice>, AssignError> {
    let layers = problem.layers.len();
    if parameters.len() != layers {
        return Err(AssignError::InvalidScores {
            what: "numbers of parameters",
            found: parameters.len(),
            layers,
        });
    }
    let each = eigenvalues.iter().zip(parameters);
    let scores: Vec<f64> = each.map(|(value, &parameters)| value / parameters.max(1) as f64).collect();
    let ranked = Ranked::new(problem, &scores, steps)?;
    let mut near: Vec<(u64, Vec<usize>)> = Vec::new();
    ranked.each(|thresholds, sums| {
        let bytes = sums.totals.first().copied().unwrap_or(0);
        if bytes <= target && sums.within(problem) {
            near.push((bytes, thresholds.to_vec()));
        }
        Ok(())
    })?;
    near.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let mut choices: Vec<Choice> = Vec::new();
    for (_, thresholds) in near {
        if choices.len() == count {
            break;
        }
        let candidates = ranked.candidates(&thresholds);
        if choices.iter().all(|choice| choice.candidates != candidates) {
            choices.extend(ranked.admit(candidates, arena.as_deref_mut())?);
        }
    }
    Ok(choices)
}

/// HAWQ-V2: layers in the order of `mean_traces`, the trace of a layer's Hessian per parameter; of the choices that
/// follow it the Pareto front, and the best within the limits. `steps` are widths, the widest first.
///
/// # Errors
///
/// [`AssignError`], where the question is wrong or the oracle fails.
pub fn hawq_v2(
    problem: &Problem,
    mean_traces: &[f64],
    steps: &[Bits],
    mut arena: Option<&mut Arena<'_>>,
) -> Result<Ranking, AssignError> {
    let ranked = Ranked::new(problem, mean_traces, steps)?;
    let mut front: BTreeMap<u64, (f64, Vec<usize>)> = BTreeMap::new();
    let mut best: Option<Choice> = None;
    ranked.each(|thresholds, sums| {
        let bytes = sums.totals.first().copied().unwrap_or(0);
        let beaten =
            front.range(..=bytes).next_back().is_some_and(|(_, (least, _))| *least <= sums.objective);
        if !beaten && ranked.allowed.agrees(problem, &ranked.candidates(thresholds)) {
            let worse: Vec<u64> = front
                .range(bytes..)
                .take_while(|(_, (objective, _))| *objective >= sums.objective)
                .map(|(&bytes, _)| bytes)
                .collect();
            worse.iter().for_each(|bytes| drop(front.remove(bytes)));
            front.insert(bytes, (sums.objective, thresholds.to_vec()));
        }
        let rank = |choice: &Choice| (choice.objective, choice.totals.first().copied().unwrap_or(0));
        if sums.within(problem)
            && best.as_ref().is_none_or(|best| (sums.objective, bytes) < rank(best))
            && let Some(choice) = ranked.admit(ranked.candidates(thresholds), arena.as_deref_mut())?
            && best.as_ref().is_none_or(|best| rank(&choice) < rank(best))
        {
            best = Some(choice);
        }
        Ok(())
    })?;
    let mut least = f64::INFINITY;
    let mut front: Vec<Choice> =
        front.into_values().map(|(_, thresholds)| problem.evaluate(ranked.candidates(&thresholds))).collect();
    // Sums of prefixes differ from sums of layers by rounding.
    front.retain(|choice| {
        let better = choice.objective < least;
        least = least.min(choice.objective);
        better
    });
    Ok(Ranking { front, best })
}

/// Layers in the order of their scores, and what every step of widths makes of them.
#[derive(Debug)]
struct Ranked<'p> {
    problem: &'p Problem,
    allowed: Allowed,
    /// Groups of tied layers that have a choice, the highest score first.
    order: Vec<Vec<usize>>,
    /// Per step and layer its candidate.
    candidates: Vec<Vec<usize>>,
    /// Per step the sums over the first groups of the order.
    sums: Vec<Vec<Sums>>,
    /// What layers without a choice and constants come to.
    rest: Sums,
}

/// Objective and totals.
#[derive(Clone, Debug)]
struct Sums {
    objective: f64,
    totals: Vec<u64>,
}

impl Sums {
    fn add(&mut self, problem: &Problem, layer: usize, candidate: usize) {
        let candidate = &problem.layers[layer].candidates[candidate];
        self.objective += candidate.objective;
        self.totals.iter_mut().zip(&candidate.costs).for_each(|(total, cost)| *total += cost);
    }

    /// Adds what lies between two prefixes.
    fn add_between(&mut self, from: &Self, to: &Self) {
        self.objective += to.objective - from.objective;
        for (total, (from, to)) in self.totals.iter_mut().zip(from.totals.iter().zip(&to.totals)) {
            *total += to - from;
        }
    }

    fn within(&self, problem: &Problem) -> bool {
        let limits = problem.measures.iter().zip(&self.totals);
        limits.into_iter().all(|(measure, &total)| measure.limit.is_none_or(|limit| total <= limit))
    }
}

impl<'p> Ranked<'p> {
    /// The score of tied layers is the highest of theirs. A layer that cannot take a step takes the nearest widths.
    fn new(problem: &'p Problem, scores: &[f64], steps: &[Bits]) -> Result<Self, AssignError> {
        let layers = problem.layers.len();
        if scores.len() != layers {
            return Err(AssignError::InvalidScores { what: "scores", found: scores.len(), layers });
        }
        let allowed = Allowed::new(problem)?;
        let (parts, _) = merge::parts(problem, &allowed)?;
        let mut candidates = vec![vec![0; layers]; steps.len()];
        for (candidates, &bits) in candidates.iter_mut().zip(steps) {
            for part in &parts {
                let nearest = allowed.nearest(problem, part, bits);
                part.layers.iter().zip(nearest).for_each(|(&layer, at)| candidates[layer] = at);
            }
        }
        let same = |layers: &[usize]| {
            layers.iter().all(|&layer| candidates.iter().all(|step| step[layer] == candidates[0][layer]))
        };
        let (decided, mut order): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| part.layers).partition(|layers| same(layers));
        let score = |layers: &Vec<usize>| layers.iter().map(|&layer| scores[layer]).fold(f64::MIN, f64::max);
        order.sort_by(|one, other| score(other).total_cmp(&score(one)));
        let count = choices(order.len(), steps.len());
        if count > MOST_CHOICES {
            return Err(AssignError::TooManyRanked { count, most: MOST_CHOICES });
        }
        let mut rest =
            Sums { objective: 0.0, totals: problem.measures.iter().map(|one| one.constant).collect() };
        if let Some(step) = candidates.first() {
            decided.iter().flatten().for_each(|&layer| rest.add(problem, layer, step[layer]));
        }
        let sums = candidates.iter().map(|step| {
            let mut sums = vec![Sums { objective: 0.0, totals: vec![0; problem.measures.len()] }];
            for (at, layers) in order.iter().enumerate() {
                let mut next = sums[at].clone();
                layers.iter().for_each(|&layer| next.add(problem, layer, step[layer]));
                sums.push(next);
            }
            sums
        });
        let sums = sums.collect();
        Ok(Self { problem, allowed, order, candidates, sums, rest })
    }

    /// Calls with every choice: the place in the order where each step but the last ends, and the sums.
    fn each(
        &self,
        mut call: impl FnMut(&[usize], &Sums) -> Result<(), AssignError>,
    ) -> Result<(), AssignError> {
        let (groups, steps) = (self.order.len(), self.candidates.len());
        if steps == 0 {
            return Ok(());
        }
        let mut thresholds = vec![0; steps - 1];
        loop {
            let mut sums = self.rest.clone();
            let mut from = 0;
            for (step, prefix) in self.sums.iter().enumerate() {
                let to = thresholds.get(step).copied().unwrap_or(groups);
                sums.add_between(&prefix[from], &prefix[to]);
                from = to;
            }
            call(&thresholds, &sums)?;
            // The next ascending list of thresholds.
            let Some(at) = thresholds.iter().rposition(|&threshold| threshold < groups) else {
                return Ok(());
            };
            let next = thresholds[at] + 1;
            thresholds[at..].fill(next);
        }
    }

    fn candidates(&self, thresholds: &[usize]) -> Vec<usize> {
        let mut candidates = self.candidates.first().cloned().unwrap_or_default();
        for (at, layers) in self.order.iter().enumerate() {
            let step = thresholds.iter().take_while(|&&threshold| threshold <= at).count();
            layers.iter().for_each(|&layer| candidates[layer] = self.candidates[step][layer]);
        }
        candidates
    }

    fn admit(
        &self,
        candidates: Vec<usize>,
        arena: Option<&mut Arena<'_>>,
    ) -> Result<Option<Choice>, AssignError> {
        if !self.allowed.agrees(self.problem, &candidates) {
            return Ok(None);
        }
        self.problem.admit(candidates, arena)
    }
}

/// Ascending lists of `steps - 1` thresholds in `0..=groups`.
fn choices(groups: usize, steps: usize) -> u128 {
    (1..steps as u128).fold(1, |count: u128, step| count.saturating_mul(groups as u128 + step) / step)
}
