//! Other ways to choose bits under the same limits: what the ranking is worth shows beside them.

use super::choose::Question;
use super::{BudgetError, Ranking};
use crate::assign::{self, Arena, AssignError, Bits, Choice, Effort, Outcome, Problem};

/// Thousandths by which a random choice may be smaller than the one whose bytes it is to have.
const RANDOM_TOLERANCE: u64 = 50;

/// Widths by chance at the bytes of another choice.
pub(super) fn by_chance(
    problem: &Problem,
    like: &Choice,
    seed: u64,
    arena: Option<&mut Arena<'_>>,
) -> Result<Choice, AssignError> {
    assign::random(problem, like, RANDOM_TOLERANCE, seed, arena)
}

/// A control.
#[derive(Clone, Debug)]
pub struct Control {
    /// Which way.
    pub name: String,
    /// The widths, one pair per layer.
    pub bits: Vec<Bits>,
    /// What the job's own ranking makes of them.
    pub objective: f64,
}

/// The best uniform widths, a random choice and other rankings, each with no more bytes than `chosen`.
pub(super) fn controls(
    question: &mut Question,
    problem: &Problem,
    own: Ranking,
    chosen: &Choice,
    seed: u64,
) -> Result<Vec<Control>, BudgetError> {
    let mut bounded = problem.clone();
    bounded.measures[super::prices::FLASH].limit = chosen.totals.first().copied();
    let mut found = Vec::new();
    let mut add = |name: String, choice: Choice| {
        let bits = problem.bits(&choice);
        found.push(Control { name, bits, objective: problem.evaluate(choice.candidates).objective });
    };
    if own != Ranking::Uniform
        && let Some(uniform) = question.with_arena(|arena| assign::uniform(&bounded, arena))?
    {
        add(format!("uniform w{}a{}", uniform.bits.weights, uniform.bits.activations), uniform.choice);
    }
    if own != Ranking::Random {
        let random = question.with_arena(|arena| by_chance(&bounded, chosen, seed, arena));
        if let Ok(choice) = random {
            add(format!("random, seed {seed}"), choice);
        }
    }
    for ranking in [Ranking::Hessian, Ranking::OutputError, Ranking::Loss].into_iter().filter(|r| *r != own) {
        let mut ranked = bounded.clone();
        question.rank(&mut ranked, ranking);
        let outcome = question.with_arena(|arena| assign::solve(&ranked, arena, &Effort::default()))?;
        if let Outcome::Optimal { choice, .. } | Outcome::Unproven { choice, .. } = outcome {
            add(ranking.name().to_owned(), choice);
        }
    }
    Ok(found)
}
