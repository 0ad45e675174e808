//! What a limit costs: the best choices over a range of one limit while the others stay.

use serde::{Deserialize, Serialize};

use super::BudgetError;
use super::choose::Question;
use super::network::Taken;
use super::prices::{BOPS, CYCLES, FLASH};
use super::ways::hawq_v2_front;
use crate::assign::{self, AssignError, Choice, Effort, Problem};
use crate::job::Assign;
use crate::report::{FrontPoint, RankedPoint};

/// Points of HAWQ-V2's front that are shown.
const RANKED: usize = 40;

/// Which limit is swept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sweep {
    /// Flash; cycles where the board has a table; RAM where activations are chosen.
    #[default]
    All,
    /// Bytes of the model file.
    Flash,
    /// Peak bytes of the arena.
    Ram,
    /// Estimated cycles of an inference.
    Cycles,
    /// Bit operations of an inference.
    Bops,
}

/// The best choices over the limits of a job's sweep, the chosen one among them, by weight bytes.
pub(super) fn front(
    question: &mut Question,
    problem: &Problem,
    assign: Assign,
    (chosen, taken): (&Choice, &Taken),
) -> Result<Vec<FrontPoint>, BudgetError> {
    let priced = taken.cycles().is_some();
    let sweeps = match assign.sweep {
        Sweep::All => {
            let widths =
                |layer: &assign::Layer| layer.candidates.iter().map(|one| one.bits.activations).min();
            let narrow = problem.layers.iter().filter_map(widths).any(|bits| bits < 8);
            let wide = problem
                .layers
                .iter()
                .flat_map(|layer| &layer.candidates)
                .any(|one| one.bits.activations == 8);
            let mut sweeps = vec![Sweep::Flash];
            sweeps.extend(priced.then_some(Sweep::Cycles));
            sweeps.extend((narrow && wide).then_some(Sweep::Ram));
            sweeps
        }
        Sweep::Cycles if !priced => {
            let board = question.limits().device.timed_as();
            return Err(BudgetError::NoLatencyTable { board });
        }
        one => vec![one],
    };
    let mut choices: Vec<Choice> = Vec::new();
    for sweep in sweeps {
        let points = match sweep {
            Sweep::All | Sweep::Flash => over(question, problem, FLASH, assign.points)?,
            Sweep::Bops => over(question, problem, BOPS, assign.points)?,
            Sweep::Cycles => over(question, problem, CYCLES, assign.points)?,
            Sweep::Ram => over_ram(question, problem, assign.points)?,
        };
        for point in points {
            if point.candidates != chosen.candidates
                && !choices.iter().any(|c| c.candidates == point.candidates)
            {
                choices.push(point);
            }
        }
    }
    let mut front = vec![point(chosen.objective, taken, true)];
    for choice in choices {
        let taken = question.network().take(&problem.bits(&choice))?;
        front.push(point(choice.objective, &taken, false));
    }
    front.sort_by_key(|point| (point.weight_bytes, point.arena_bytes, point.bops));
    Ok(front)
}

/// Over a sum: at equal distances.
fn over(
    question: &mut Question,
    problem: &Problem,
    measure: usize,
    points: usize,
) -> Result<Vec<Choice>, BudgetError> {
    let swept =
        question.with_arena(|arena| assign::sweep(problem, measure, points, arena, &Effort::default()))?;
    Ok(swept.into_iter().map(|point| point.choice).collect())
}

/// Over memory.
fn over_ram(question: &mut Question, problem: &Problem, points: usize) -> Result<Vec<Choice>, BudgetError> {
    let own = question.limit_ram(Some(u64::MAX));
    let swept = question.with_arena(|arena| match arena {
        Some(arena) => assign::sweep_memory(problem, points, arena, &Effort::default()),
        None => Ok(Vec::new()),
    });
    question.limit_ram(own);
    Ok(swept?.into_iter().map(|point| point.choice).collect())
}

/// HAWQ-V2's front over the bytes, in at most [`RANKED`] points; nothing where too many choices follow the traces.
pub(super) fn ranked_front(question: &Question, problem: &Problem) -> Result<Vec<RankedPoint>, BudgetError> {
    let front = match hawq_v2_front(question, problem) {
        Ok(front) => front,
        Err(AssignError::TooManyRanked { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let last = front.len().saturating_sub(1);
    let shown = RANKED.min(front.len());
    let point = |index: usize| {
        let choice = &front[index * last / shown.saturating_sub(1).max(1)];
        RankedPoint {
            objective: choice.objective,
            weight_bytes: choice.totals[FLASH].saturating_sub(problem.measures[FLASH].constant),
            bops: choice.totals[BOPS],
            cycles: question.network().table.map(|_| choice.totals[CYCLES]),
        }
    };
    Ok((0..shown).map(point).collect())
}

fn point(objective: f64, taken: &Taken, chosen: bool) -> FrontPoint {
    FrontPoint {
        objective,
        weight_bytes: taken.weight_bytes,
        arena_bytes: taken.arena_bytes(),
        bops: taken.bops,
        cycles: taken.cycles(),
        accuracy: None,
        chosen,
    }
}
