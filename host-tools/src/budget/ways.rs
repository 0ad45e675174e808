//! Ways to choose within limits: the integer program, and what there is to compare it with.

use super::choose::Question;
use super::prices::FLASH;
use super::{BudgetError, Ranking};
use crate::assign::{self, Arena, AssignError, Bits, Choice, Effort, Outcome, Problem};

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
    let ranked = hawq_v2_front(question, problem)?;
    let kind = "widths in the order of the mean traces";
    ranked.best.map(|choice| (choice, false)).ok_or(BudgetError::NothingFits { kind })
}

/// All that HAWQ-V2 finds.
pub(super) fn hawq_v2_front(
    question: &mut Question,
    problem: &Problem,
) -> Result<assign::Ranking, BudgetError> {
    let traces: Vec<f64> = question.sensitivities().layers.iter().map(|layer| layer.mean_trace()).collect();
    let steps = steps(problem);
    Ok(question.with_arena(|arena| assign::hawq_v2(problem, &traces, &steps, arena))?)
}

/// The choice of the integer program by the numbers of another ranking.
pub(super) fn ranked(question: &mut Question, problem: &Problem, ranking: Ranking) -> Found {
    let mut other = problem.clone();
    question.rank(&mut other, ranking);
    program(question, &other)
}

/// Widths by chance at the bytes of another choice.
pub(super) fn by_chance(
    problem: &Problem,
    like: &Choice,
    seed: u64,
    arena: Option<&mut Arena<'_>>,
) -> Result<Choice, AssignError> {
    assign::random(problem, like, RANDOM_TOLERANCE, seed, arena)
}

/// The widths that layers with a choice have, the widest first.
fn steps(problem: &Problem) -> Vec<Bits> {
    let most = problem.layers.iter().max_by_key(|layer| layer.candidates.len());
    most.into_iter().flat_map(|layer| &layer.candidates).map(|candidate| candidate.bits).collect()
}
