//! Other ways to choose bits under the same limits: what the ranking is worth shows beside them.

use super::choose::Question;
use super::prices::FLASH;
use super::{BudgetError, Ranking, ways};
use crate::assign::{Bits, Choice, Problem};

/// The ways that are shown beside the chosen one.
const CONTROLS: [Ranking; 7] = [
    Ranking::Uniform,
    Ranking::Random,
    Ranking::HawqV1,
    Ranking::HawqV2,
    Ranking::Hessian,
    Ranking::OutputError,
    Ranking::Loss,
];

/// A control.
#[derive(Clone, Debug)]
pub struct Control {
    /// Which way.
    pub name: String,
    /// The widths, one pair per layer.
    pub bits: Vec<Bits>,
    /// What the job's own ranking makes of them.
    pub objective: f64,
    /// Estimated cycles of an inference, where every step has an estimate.
    pub cycles: Option<u64>,
}

/// The best uniform widths, a random choice, those of HAWQ-V1 and HAWQ-V2, and other rankings, each with no more bytes
/// than `chosen`. What finds nothing is left out.
///
/// # Errors
/// Those of lowering.
pub(super) fn controls(
    question: &mut Question,
    problem: &Problem,
    own: Ranking,
    chosen: &Choice,
    seed: u64,
) -> Result<Vec<Control>, BudgetError> {
    let mut bounded = problem.clone();
    bounded.measures[FLASH].limit = chosen.totals.get(FLASH).copied();
    let choose = |question: &mut Question, ranking: Ranking| match ranking {
        Ranking::Uniform => ways::uniform(question, &bounded),
        Ranking::Random => {
            let by_chance = question.with_arena(|arena| ways::by_chance(&bounded, chosen, seed, arena));
            by_chance.map(|choice| (choice, false)).map_err(BudgetError::from)
        }
        Ranking::HawqV1 => ways::hawq_v1(question, &bounded),
        Ranking::HawqV2 => ways::hawq_v2(question, &bounded),
        _ => ways::ranked(question, &bounded, ranking),
    };
    let mut found = Vec::new();
    for ranking in CONTROLS.into_iter().filter(|ranking| *ranking != own) {
        let Ok((choice, _)) = choose(question, ranking) else { continue };
        let bits = problem.bits(&choice);
        let name = match ranking {
            Ranking::Random => format!("random, seed {seed}"),
            Ranking::Uniform => format!("uniform {}", commonest(&bits)),
            _ => ranking.name().to_owned(),
        };
        let cycles = question.network().take(&bits)?.cycles();
        let objective = problem.evaluate(choice.candidates).objective;
        found.push(Control { name, bits, objective, cycles });
    }
    Ok(found)
}

/// The pair of widths that most layers have.
fn commonest(bits: &[Bits]) -> String {
    let count = |one: &&Bits| bits.iter().filter(|other| other == one).count();
    bits.iter().max_by_key(count).map_or(String::new(), |b| format!("w{}a{}", b.weights, b.activations))
}
