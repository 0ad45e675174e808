//! The choice of a job: asked, lowered, measured, and asked again where the lowered network takes more than its price.

use std::collections::BTreeMap;

use super::controls::{Control, by_chance, controls};
use super::network::Taken;
use super::prices::{FLASH, problem};
use super::{BudgetError, Network, Ranking};
use crate::assign::{self, Arena, AssignError, Bits, Choice, Effort, Outcome, Problem, SweepPoint};
use crate::job::Job;
use crate::lower::BitPlan;
use crate::report::{Assignment, FrontPoint, LayerWidths};
use crate::sensitivity::Sensitivities;

/// Points of the front.
const FRONT: usize = 12;
/// How often a limit is tightened by what the lowered network takes beyond its price.
const REPAIRS: usize = 16;

/// What was chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The plan.
    pub plan: BitPlan,
    /// Its widths, one pair per layer.
    pub bits: Vec<Bits>,
    /// For the report; controls without accuracies.
    pub assignment: Assignment,
    /// Other choices under the same limits.
    pub controls: Vec<Control>,
    /// Bit operations of an inference.
    pub bops: u64,
    /// Whether no choice within the limits has a smaller objective.
    pub proven: bool,
}

/// The network under its limits, with what was found out about its memory.
pub(super) struct Question<'q> {
    network: Network<'q>,
    sensitivities: &'q Sensitivities,
    ram: Option<u64>,
    peaks: BTreeMap<Vec<u8>, u64>,
}

impl Question<'_> {
    /// Calls `ask` with the limit on RAM, where there is one.
    pub(super) fn with_arena<T>(
        &mut self,
        ask: impl FnOnce(Option<&mut Arena<'_>>) -> Result<T, AssignError>,
    ) -> Result<T, AssignError> {
        let Some(limit) = self.ram else { return ask(None) };
        let (network, peaks) = (self.network, &mut self.peaks);
        let mut oracle = |activations: &[u8]| {
            if let Some(&peak) = peaks.get(activations) {
                return Ok(peak);
            }
            // Weights are read from the file and take no part in the plan of memory.
            let bits: Vec<Bits> =
                activations.iter().map(|&activations| Bits { weights: 8, activations }).collect();
            let peak = u64::from(network.lower(&bits)?.interface.arena_bytes);
            peaks.insert(activations.to_vec(), peak);
            Ok::<_, crate::assign::OracleError>(peak)
        };
        ask(Some(&mut Arena::new(limit, &mut oracle)))
    }

    /// Gives every candidate the objective of another ranking.
    pub(super) fn rank(&self, problem: &mut Problem, ranking: Ranking) {
        for (layer, sensitivity) in problem.layers.iter_mut().zip(&self.sensitivities.layers) {
            for candidate in &mut layer.candidates {
                candidate.objective = ranking.objective(sensitivity, candidate.bits);
            }
        }
    }
}

/// Chooses the bits of a job. `beside`: bytes of golden vectors and META in the file.
///
/// # Errors
/// See [`BudgetError`].
pub fn choose(
    network: Network,
    job: &Job,
    sensitivities: &Sensitivities,
    beside: u64,
) -> Result<Chosen, BudgetError> {
    let target = &job.target;
    if target.latency.is_some() {
        return Err(BudgetError::NoLatencyTable { board: target.board.clone() });
    }
    if target.flash.is_none() && target.ram.is_none() && target.bops.is_none() {
        return Err(BudgetError::NoLimit);
    }
    let (ranking, seed) = (job.assign.ranking, job.assign.seed.unwrap_or(job.seed));
    let asked = problem(network, &job.quantize, target, sensitivities, ranking, beside)?;
    let ram = target.ram.map(|bytes| bytes.0);
    let mut question = Question { network, sensitivities, ram, peaks: BTreeMap::new() };
    let mut tight = asked.clone();
    let (choice, taken, proven) = match ranking {
        Ranking::Random => {
            let (like, ..) = settle(&mut question, &asked, &mut tight, beside, &mut program)?;
            tight.measures[FLASH].limit = like.totals.get(FLASH).copied();
            let mut chance = |question: &mut Question, tight: &Problem| {
                let choice = question.with_arena(|arena| by_chance(tight, &like, seed, arena))?;
                Ok((choice, false))
            };
            settle(&mut question, &asked, &mut tight, beside, &mut chance)?
        }
        Ranking::Uniform => settle(&mut question, &asked, &mut tight, beside, &mut uniform)?,
        _ => settle(&mut question, &asked, &mut tight, beside, &mut program)?,
    };
    let bits = asked.bits(&choice);
    let controls = controls(&mut question, &tight, ranking, &choice, seed)?;
    let points =
        question.with_arena(|arena| assign::sweep(&tight, FLASH, FRONT, arena, &Effort::default()))?;
    let mut front = Vec::new();
    for SweepPoint { choice, .. } in points {
        front.push(point(choice.objective, &network.take(&asked.bits(&choice))?, false));
    }
    front.retain(|point| point.weight_bytes != taken.weight_bytes || point.objective != choice.objective);
    front.push(point(choice.objective, &taken, true));
    front.sort_by_key(|point| (point.weight_bytes, point.arena_bytes));
    let quantize = &job.quantize;
    let named = asked.layers.iter().zip(&bits);
    let assignment = Assignment {
        method: ranking.method(),
        objective: Some(ranking.describe().to_owned()),
        weights: quantize.weights.widest(),
        activations: quantize.activations.widest(),
        first_last: quantize.first_last,
        residual: quantize.residual,
        layers: named
            .map(|(layer, bits)| LayerWidths {
                name: layer.name.clone(),
                weights: bits.weights.into(),
                activations: bits.activations.into(),
            })
            .collect(),
        front,
        arms: Vec::new(),
    };
    Ok(Chosen { plan: network.plan(&bits), bits, assignment, controls, bops: taken.bops, proven })
}

/// A way to choose within limits; whether nothing within them has a smaller objective.
type Way<'w> = dyn FnMut(&mut Question, &Problem) -> Result<(Choice, bool), BudgetError> + 'w;

/// The choice of the integer program.
fn program(question: &mut Question, problem: &Problem) -> Result<(Choice, bool), BudgetError> {
    match question.with_arena(|arena| assign::solve(problem, arena, &Effort::default()))? {
        Outcome::Optimal { choice, .. } => Ok((choice, true)),
        Outcome::Unproven { choice, .. } => Ok((choice, false)),
        Outcome::Infeasible(why) => Err(BudgetError::infeasible(&why, &problem.measures)),
        Outcome::Undecided => Err(BudgetError::Undecided),
    }
}

/// The best uniform widths.
fn uniform(question: &mut Question, problem: &Problem) -> Result<(Choice, bool), BudgetError> {
    let found = question.with_arena(|arena| assign::uniform(problem, arena))?;
    found.map(|found| (found.choice, false)).ok_or(BudgetError::NoUniform)
}

/// A choice whose lowered network keeps the limits.
fn settle(
    question: &mut Question,
    asked: &Problem,
    tight: &mut Problem,
    beside: u64,
    way: &mut Way,
) -> Result<(Choice, Taken, bool), BudgetError> {
    let ram = question.ram;
    let mut exceeded = ("flash", 0, 0);
    for _ in 0..REPAIRS {
        let (choice, proven) = way(question, tight)?;
        let taken = question.network.take(&asked.bits(&choice))?;
        let over =
            |limit: Option<u64>, used: u64| limit.filter(|&limit| used > limit).map(|limit| (limit, used));
        if let Some((limit, used)) = over(asked.measures[FLASH].limit, taken.file_bytes + beside) {
            exceeded = ("flash", limit, used);
            // Copies between widths are steps of their own, which no layer's price holds.
            let excess = used - limit;
            tight.measures[FLASH].limit = tight.measures[FLASH].limit.map(|now| now.saturating_sub(excess));
        } else if let Some((limit, used)) = over(ram, taken.arena_bytes()) {
            exceeded = ("RAM", limit, used);
            // Narrow weights may take more scratch than the wide ones that arenas are priced with.
            question.ram = question.ram.map(|now| now.saturating_sub(used - limit));
        } else {
            return Ok((choice, taken, proven));
        }
    }
    let (what, asked, used) = exceeded;
    Err(BudgetError::Exceeded { what, asked, used })
}

fn point(objective: f64, taken: &Taken, chosen: bool) -> FrontPoint {
    FrontPoint {
        objective,
        weight_bytes: taken.weight_bytes,
        arena_bytes: taken.arena_bytes(),
        bops: taken.bops,
        cycles: None,
        accuracy: None,
        chosen,
    }
}
