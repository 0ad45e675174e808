//! The choice of a job: asked, lowered, measured, and asked again where the lowered network takes more than its price.

use std::collections::BTreeMap;

use super::controls::{Control, controls};
use super::front::{front, ranked_front};
use super::network::Taken;
use super::prices::{FLASH, problem};
use super::ways::{self, Found};
use super::{BudgetError, Limits, Network, Ranking};
use crate::assign::{Arena, AssignError, Bits, Choice, Problem};
use crate::job::Job;
use crate::lower::BitPlan;
use crate::report::{Assignment, LayerWidths};
use crate::sensitivity::Sensitivities;

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
    limits: Limits,
    /// The limit on the arena that the search keeps.
    ram: Option<u64>,
    /// Bytes of the file that no width changes.
    beside: u64,
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

    /// The limits asked for.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The network.
    pub(super) fn network(&self) -> &Network<'_> {
        &self.network
    }

    /// What was measured of its layers.
    pub(super) fn sensitivities(&self) -> &Sensitivities {
        self.sensitivities
    }

    /// Whether RAM is limited.
    pub(super) fn limits_ram(&self) -> bool {
        self.ram.is_some()
    }

    /// Sets the limit on RAM; the one before.
    pub(super) fn limit_ram(&mut self, bytes: Option<u64>) -> Option<u64> {
        std::mem::replace(&mut self.ram, bytes)
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
    limits: Limits,
    sensitivities: &Sensitivities,
    beside: u64,
) -> Result<Chosen, BudgetError> {
    if !limits.any() {
        return Err(BudgetError::NoLimit);
    }
    let (ranking, seed) = (job.assign.ranking, job.assign.seed.unwrap_or(job.seed));
    let asked = problem(network, &job.quantize, &limits, sensitivities, ranking, beside)?;
    let mut question =
        Question { network, sensitivities, ram: limits.ram, limits, beside, peaks: BTreeMap::new() };
    let mut tight = asked.clone();
    let (choice, taken, proven) = match ranking {
        Ranking::Random => {
            let (like, ..) = settle(&mut question, &mut tight, &mut ways::program)?;
            tight.measures[FLASH].limit = like.totals.get(FLASH).copied();
            let mut chance =
                |question: &mut Question, tight: &Problem| ways::by_chance(question, tight, &like, seed);
            settle(&mut question, &mut tight, &mut chance)?
        }
        Ranking::Uniform => settle(&mut question, &mut tight, &mut ways::uniform)?,
        Ranking::HawqV1 => settle(&mut question, &mut tight, &mut ways::hawq_v1)?,
        Ranking::HawqV2 => settle(&mut question, &mut tight, &mut ways::hawq_v2)?,
        Ranking::Hessian | Ranking::Eigenvalue | Ranking::OutputError | Ranking::Loss => {
            settle(&mut question, &mut tight, &mut ways::program)?
        }
    };
    let bits = asked.bits(&choice);
    let controls = controls(&mut question, &tight, ranking, &choice, seed)?;
    let front = front(&mut question, &tight, job.assign, (&choice, &taken))?;
    let ranked_front = ranked_front(&question, &tight)?;
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
        ranked_front,
        arms: Vec::new(),
    };
    Ok(Chosen { plan: network.plan(&bits), bits, assignment, controls, bops: taken.bops, proven })
}

/// A way to choose within limits.
type Way<'w> = dyn FnMut(&mut Question, &Problem) -> Found + 'w;

/// A choice whose lowered network keeps the limits. Leaves the limits with which it was found in `tight` and `question`.
fn settle(
    question: &mut Question,
    tight: &mut Problem,
    way: &mut Way,
) -> Result<(Choice, Taken, bool), BudgetError> {
    let Limits { flash, ram, .. } = question.limits;
    let cycles = question.limits.estimated_cycles();
    let mut exceeded = None;
    for _ in 0..REPAIRS {
        let (choice, proven) = way(question, tight)?;
        let taken = question.network.take(&tight.bits(&choice))?;
        let estimate = if cycles.is_some() { taken.estimated(&question.limits)? } else { 0 };
        let mut fits = true;
        // Copies between widths are steps of their own, which no layer's price holds.
        let [flash_limit, _, cycles_limit] = &mut tight.measures[..] else { break };
        for (what, asked, used, limit) in [
            ("flash", flash, taken.file_bytes + question.beside, &mut flash_limit.limit),
            ("RAM", ram, taken.arena_bytes(), &mut question.ram),
            ("latency in cycles", cycles, estimate, &mut cycles_limit.limit),
        ] {
            let Some(asked) = asked.filter(|&asked| used > asked) else { continue };
            (fits, exceeded) = (false, Some(BudgetError::Exceeded { what, asked, used }));
            *limit = limit.map(|limit| limit.saturating_sub(used - asked));
        }
        if fits {
            return Ok((choice, taken, proven));
        }
    }
    Err(exceeded.unwrap_or(BudgetError::Undecided))
}
