//! Ways to choose within limits: the integer program, and what there is to compare it with.

use super::choose::Question;
use super::prices::FLASH;
use super::{BudgetError, Ranking};
use crate::assign::{self, AssignError, Bits, Choice, Effort, Outcome, Problem};

/// Thousandths by which a random choice may be smaller than the one whose bytes it is to have.
const RANDOM_TOLERANCE: u64 = 50;

/// A choice, and whether nothing within the limits has a smaller objective.
pub(super) type Found = Result<(Choice, bool), BudgetError>;

/// The choice of the integer program.
pub(super) fn program(question: &mut Question, problem: &Problem) -> Found {
    match question.with_arena(|arena| assign::solve(problem, arena, &Effort::default()))? {
        Outcome::Optimal { choice, .. } => Ok((choice, true)),
        Outcome::Unproven { choice, .. } => Ok((choice, false)),
        Outcome::Infeasible(why) => Err(BudgetError::infeasible(&why, &problem.measures, question.limits())),
        Outcome::Undecided => Err(BudgetError::Undecided),
    }
}

/// The best uniform widths.
pub(super) fn uniform(question: &mut Question, problem: &Problem) -> Found {
    let found = question.with_arena(|arena| assign::uniform(problem, arena))?;
    found.map(|found| (found.choice, false)).ok_or(BudgetError::NothingFits { kind: "uniform widths" })
}

/// Widths in the order of the eigenvalues, the nearest to the limit on flash.
pub(super) fn hawq_v1(question: &mut Question, problem: &Problem) -> Found {
    let problem = &with_planned_activations(question, problem)?;
    let layers = &question.sensitivities().layers;
    let values: Option<Vec<f64>> = layers.iter().map(|layer| Some(layer.eigenvalue?.value)).collect();
    let values = values.ok_or(BudgetError::NoEigenvalues)?;
    let counts: Vec<u64> = layers.iter().map(|layer| layer.weights as u64).collect();
    let target = problem.measures[FLASH].limit.unwrap_or(u64::MAX);
    let steps = steps(problem);
    let found = question
        .with_arena(|arena| assign::hawq_v1(problem, &values, &counts, &steps, target, 1, arena))?
        .into_iter()
        .next();
    let kind = "widths in the order of the eigenvalues";
    found.map(|choice| (choice, false)).ok_or(BudgetError::NothingFits { kind })
}

/// The best widths in the order of the mean traces.
pub(super) fn hawq_v2(question: &mut Question, problem: &Problem) -> Found {
    let problem = &with_planned_activations(question, problem)?;
    let (traces, steps) = (mean_traces(question), steps(problem));
    let ranked = question.with_arena(|arena| assign::hawq_v2(problem, &traces, &steps, arena))?;
    let kind = "widths in the order of the mean traces";
    ranked.best.map(|choice| (choice, false)).ok_or(BudgetError::NothingFits { kind })
}

/// HAWQ-V2's front, whatever the limits.
pub(super) fn hawq_v2_front(question: &Question, problem: &Problem) -> Result<Vec<Choice>, AssignError> {
    Ok(assign::hawq_v2(problem, &mean_traces(question), &steps(problem), None)?.front)
}

/// Widths by chance at the bytes of another choice.
pub(super) fn by_chance(question: &mut Question, problem: &Problem, like: &Choice, seed: u64) -> Found {
    let problem = &with_activations(question, problem, like);
    let choice = question.with_arena(|arena| assign::random(problem, like, RANDOM_TOLERANCE, seed, arena))?;
    Ok((choice, false))
}

fn mean_traces(question: &Question) -> Vec<f64> {
    question.sensitivities().layers.iter().map(|layer| layer.mean_trace()).collect()
}

/// The problem with the activations of the integer program, where RAM is limited.
fn with_planned_activations(question: &mut Question, problem: &Problem) -> Result<Problem, BudgetError> {
    if !question.limits_ram() {
        return Ok(problem.clone());
    }
    let (choice, _) = program(question, problem)?;
    Ok(with_activations(question, problem, &choice))
}

/// The problem with the activations of a choice, where RAM is limited: only the program asks for memory sparingly, and
/// every answer takes a lowered network.
fn with_activations(question: &Question, problem: &Problem, like: &Choice) -> Problem {
    let mut fixed = problem.clone();
    if question.limits_ram() {
        let bits = problem.bits(like);
        fixed.layers.iter_mut().zip(bits).for_each(|(l, b)| l.fixed_activations = Some(b.activations));
    }
    fixed
}

/// The choice of the integer program by the numbers of another ranking.
pub(super) fn ranked(question: &mut Question, problem: &Problem, ranking: Ranking) -> Found {
    let mut other = problem.clone();
    question.rank(&mut other, ranking);
    program(question, &other)
}

/// The widths that layers with a choice have, the widest first.
fn steps(problem: &Problem) -> Vec<Bits> {
    let most = problem.layers.iter().max_by_key(|layer| layer.candidates.len());
    most.into_iter().flat_map(|layer| &layer.candidates).map(|candidate| candidate.bits).collect()
}
