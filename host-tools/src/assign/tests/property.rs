//! Random problems, small enough for enumeration.

use proptest::collection::vec;
use proptest::prelude::*;

use super::brute::{self, Key};
use crate::assign::{
    Arena, AssignError, Bits, Candidate, Effort, Infeasible, Layer, Measure, Operand, OracleError, Outcome,
    Problem, Proof, Tie, solve, sweep_memory,
};

const WIDTHS: [Bits; 6] = [
    Bits { weights: 8, activations: 8 },
    Bits { weights: 4, activations: 8 },
    Bits { weights: 2, activations: 8 },
    Bits { weights: 8, activations: 4 },
    Bits { weights: 4, activations: 4 },
    Bits { weights: 2, activations: 4 },
];

/// Numbers of a candidate. A small range makes equal sums likely, a large one unlikely.
fn candidate(range: u32) -> impl Strategy<Value = (u32, [u64; 3])> {
    (0..range, [0..u64::from(range), 0..u64::from(range), 0..u64::from(range)])
}

fn layer(range: u32, most: usize) -> impl Strategy<Value = Layer> {
    let widths = proptest::sample::subsequence(WIDTHS.to_vec(), 1..=most);
    (widths.prop_shuffle(), vec(candidate(range), most), any::<u8>()).prop_map(
        move |(widths, numbers, rule)| {
            let each = widths.into_iter().zip(numbers).map(|(bits, (objective, costs))| Candidate {
                bits,
                objective: f64::from(objective) / 1024.0,
                costs: costs.to_vec(),
            });
            let mut layer = Layer::free("layer", each.collect());
            match rule {
                0..16 => layer.fixed_weights = Some(4),
                16..32 => layer.fixed_activations = Some(8),
                32..48 => layer.minimum.weights = 4,
                _ => {}
            }
            layer
        },
    )
}

fn tie(layers: usize) -> impl Strategy<Value = Tie> {
    let operand = prop_oneof![Just(Operand::Weights), Just(Operand::Activations)];
    (operand, proptest::sample::subsequence((0..layers).collect::<Vec<_>>(), 0..=3.min(layers)))
        .prop_map(|(operand, layers)| Tie { operand, layers })
}

/// A problem; limits are parts of the largest sums, in 64ths.
pub(super) fn problem(
    layers: std::ops::RangeInclusive<usize>,
    most: usize,
) -> impl Strategy<Value = Problem> {
    (layers, prop_oneof![Just(3u32), Just(50), Just(100_000)]).prop_flat_map(move |(count, range)| {
        let limits = vec((proptest::option::weighted(0.7, 0..70u64), 0..20u64), 3);
        (vec(layer(range, most), count), vec(tie(count), 0..=3), limits).prop_map(|(layers, ties, limits)| {
            let measures = limits.into_iter().enumerate().map(|(at, (part, constant))| {
                let largest: u64 = layers
                    .iter()
                    .map(|layer| layer.candidates.iter().map(|one| one.costs[at]).max().unwrap_or(0))
                    .sum();
                Measure {
                    name: format!("measure {at}"),
                    constant,
                    limit: part.map(|part| largest * part / 64),
                }
            });
            Problem { measures: measures.collect(), layers, ties }
        })
    })
}

pub(super) fn key(problem: &Problem, outcome: &Outcome) -> Option<Key> {
    let choice = outcome.choice()?;
    assert_eq!(problem.evaluate(choice.candidates.clone()).totals, choice.totals);
    Some((choice.objective, choice.totals[0], choice.candidates.clone()))
}

/// Whether an error says that the ties and fixed widths leave nothing.
fn nothing_left(error: &AssignError) -> bool {
    matches!(
        error,
        AssignError::NoCandidate { .. } | AssignError::NoCommonBits { .. } | AssignError::NoJointBits { .. }
    )
}

/// Limits with which [`brute::best`] has an answer.
fn check_infeasible(problem: &Problem, report: &Infeasible) {
    for smallest in report.smallest.iter().filter(|one| one.measure.is_some()) {
        let measure = smallest.measure.unwrap_or(0);
        let mut other = problem.clone();
        other.measures[measure].limit = None;
        let keeps = |choice: &Vec<usize>| {
            (0..other.measures.len()).all(|at| {
                other.measures[at].limit.is_none_or(|limit| brute::total(&other, choice, at) <= limit)
            })
        };
        let totals =
            brute::choices(&other).into_iter().filter(keeps).map(|one| brute::total(&other, &one, measure));
        assert_eq!(smallest.needed, totals.min());
        assert_eq!(smallest.proof, Some(Proof::Complete));
    }
    let grown = |permille: u64| {
        let mut grown = problem.clone();
        for measure in &mut grown.measures {
            measure.limit = measure.limit.map(|limit| limit * (1000 + permille) / 1000);
        }
        brute::best(&grown, None)
    };
    if let Some(nearest) = &report.nearest {
        assert_eq!(grown(nearest.growth_permille - 1), None);
        assert_eq!(nearest.proof, Some(Proof::Complete));
        let choice = &nearest.choice;
        assert_eq!(
            grown(nearest.growth_permille),
            Some((choice.objective, choice.totals[0], choice.candidates.clone()))
        );
    }
}

/// Peak of a sliding pair of activations: more bits never take less.
fn pairs(weights: &[u64], bits: &[u8]) -> u64 {
    let held: Vec<u64> = bits.iter().zip(weights).map(|(&bits, weight)| u64::from(bits) * weight).collect();
    held.windows(2).map(|pair| pair[0] + pair[1]).max().unwrap_or(0)
}

/// No rule at all.
fn anything(weights: &[u64], bits: &[u8]) -> u64 {
    let mixed =
        bits.iter().zip(weights).fold(7u64, |sum, (&bits, weight)| sum * 31 + u64::from(bits) * weight);
    mixed * 2654435761 % 1000
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn equals_enumeration(problem in problem(1..=6, 4)) {
        match solve(&problem, None, &Effort::default()) {
            Err(error) => {
                prop_assert!(nothing_left(&error), "{error}");
                prop_assert!(brute::choices(&problem).is_empty());
            }
            Ok(outcome) => {
                prop_assert_eq!(key(&problem, &outcome), brute::best(&problem, None));
                match &outcome {
                    Outcome::Optimal { proof, .. } => prop_assert_eq!(*proof, Proof::Complete),
                    Outcome::Infeasible(report) => check_infeasible(&problem, report),
                    Outcome::Unproven { .. } | Outcome::Undecided => prop_assert!(false, "{:?}", outcome),
                }
            }
        }
    }

    // Nothing but the order tells choices apart.
    #[test]
    fn the_first_of_equal_choices_wins(mut problem in problem(2..=6, 4)) {
        for candidate in problem.layers.iter_mut().flat_map(|layer| &mut layer.candidates) {
            (candidate.objective, candidate.costs[0]) = (0.0, 0);
        }
        if let Ok(outcome) = solve(&problem, None, &Effort::default()) {
            prop_assert_eq!(key(&problem, &outcome), brute::best(&problem, None));
        }
    }

    #[test]
    fn memory_equals_enumeration(
        problem in problem(2..=5, 4),
        weights in vec(0..20u64, 5),
        limit in 0..300u64,
        ruled in any::<bool>(),
    ) {
        let function = if ruled { pairs } else { anything };
        let peak = |bits: &[u8]| function(&weights, bits);
        let mut asked = std::collections::HashSet::new();
        let mut oracle = |bits: &[u8]| -> Result<u64, OracleError> {
            assert!(asked.insert(bits.to_vec()), "asked twice");
            Ok(peak(bits))
        };
        let mut arena = Arena::new(limit, &mut oracle);
        let Ok(outcome) = solve(&problem, Some(&mut arena), &Effort::default()) else { return Ok(()) };
        prop_assert!(!ruled || arena.contradiction().is_none());
        prop_assert_eq!(key(&problem, &outcome), brute::best(&problem, Some((limit, &peak))));
        match &outcome {
            Outcome::Optimal { choice, proof } => {
                prop_assert_eq!(*proof, Proof::Complete);
                prop_assert_eq!(choice.arena, Some(brute::peak(&problem, &choice.candidates, &peak)));
            }
            Outcome::Infeasible(report) => {
                let within = |choice: &&Vec<usize>| (0..problem.measures.len()).all(|at| {
                    problem.measures[at].limit.is_none_or(|limit| brute::total(&problem, choice, at) <= limit)
                });
                let choices = brute::choices(&problem);
                let peaks = choices.iter().filter(within).map(|choice| brute::peak(&problem, choice, &peak));
                let smallest = report.smallest.iter().find(|one| one.measure.is_none()).and_then(|one| one.needed);
                prop_assert_eq!(smallest, peaks.min());
            }
            Outcome::Unproven { .. } | Outcome::Undecided => prop_assert!(false, "{:?}", outcome),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sweep_of_memory_is_a_front_of_optima(
        problem in problem(2..=5, 4),
        weights in vec(0..20u64, 5),
        points in 1..9usize,
    ) {
        let peak = |bits: &[u8]| pairs(&weights, bits);
        let mut oracle = |bits: &[u8]| -> Result<u64, OracleError> { Ok(peak(bits)) };
        let mut arena = Arena::new(7, &mut oracle);
        let Ok(front) = sweep_memory(&problem, points, &mut arena, &Effort::default()) else { return Ok(()) };
        let mut limit = Some(u64::MAX);
        for point in &front {
            let expected = limit.and_then(|limit| brute::best(&problem, Some((limit, &peak))));
            let choice = &point.choice;
            prop_assert_eq!(Some((choice.objective, choice.totals[0], choice.candidates.clone())), expected);
            limit = choice.arena.and_then(|peak| peak.checked_sub(1));
        }
        if front.len() < points {
            prop_assert_eq!(limit.and_then(|limit| brute::best(&problem, Some((limit, &peak)))), None);
        }
    }

    // One width of activations for all layers: too many joint choices to list, so that the width is branched on.
    #[test]
    fn wide_ties_equal_enumeration(mut problem in problem(8..=8, 6)) {
        problem.ties = vec![Tie { operand: Operand::Activations, layers: (0..8).collect() }];
        if let Ok(outcome) = solve(&problem, None, &Effort::default()) {
            prop_assert_eq!(key(&problem, &outcome), brute::best(&problem, None));
        }
    }
}
