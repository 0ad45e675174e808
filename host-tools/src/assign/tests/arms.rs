//! Fronts, rankings and control arms against enumeration.

use proptest::collection::vec;
use proptest::prelude::*;

use super::brute::{self, Key};
use super::property::problem;
use crate::assign::{
    Bits, Candidate, Choice, Effort, Layer, Measure, Problem, Tie, hawq_v1, hawq_v2, random, runners_up,
    solve, sweep, uniform,
};

const STEPS: [Bits; 3] = [
    Bits { weights: 8, activations: 8 },
    Bits { weights: 4, activations: 8 },
    Bits { weights: 2, activations: 8 },
];

fn key(choice: &Choice) -> Key {
    (choice.objective, choice.totals[0], choice.candidates.clone())
}

/// Layers that can take every step; fewer bits take less and cost objective.
fn ladder() -> impl Strategy<Value = (Problem, Vec<f64>)> {
    let layer = (1..40u64, 1..40u32, 1..40u32);
    (vec((layer, 0..6u32), 1..=6), 0..=64u64).prop_map(|(layers, part)| {
        let scores = layers.iter().map(|(_, score)| f64::from(*score)).collect();
        let layers: Vec<Layer> = layers
            .into_iter()
            .map(|((size, four, two), _)| {
                let objectives = [0, four, four + two].map(f64::from);
                let each = STEPS.iter().zip(objectives).map(|(&bits, objective)| Candidate {
                    bits,
                    objective,
                    costs: vec![size * u64::from(bits.weights)],
                });
                Layer::free("layer", each.collect())
            })
            .collect();
        let least: u64 = layers.iter().map(|layer| layer.candidates[2].costs[0]).sum();
        let limit = Some(least + 3 * least * part / 64);
        (
            Problem {
                measures: vec![Measure { name: "bytes".into(), constant: 0, limit }],
                layers,
                ties: vec![],
            },
            scores,
        )
    })
}

/// Choices in which no layer has fewer bits than one of a lower score; layers of equal score stand in their order.
fn following(problem: &Problem, scores: &[f64]) -> Vec<Key> {
    let follows = |choice: &Vec<usize>| {
        (0..choice.len()).all(|one| {
            (0..choice.len()).all(|other| {
                let above = scores[one] > scores[other] || scores[one] == scores[other] && one < other;
                !above || choice[one] <= choice[other]
            })
        })
    };
    let all = brute::choices(problem).into_iter().filter(follows);
    all.map(|choice| key(&problem.evaluate(choice))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_sweep_is_a_front_of_optima(problem in problem(1..=5, 4), measure in 0..3usize, points in 1..9usize) {
        let Ok(front) = sweep(&problem, measure, points, None, &Effort::default()) else { return Ok(()) };
        let mut limited = problem.clone();
        limited.measures[measure].limit = None;
        prop_assert_eq!(front.is_empty(), brute::best(&limited, None).is_none());
        for point in &front {
            limited.measures[measure].limit = Some(point.limit);
            prop_assert_eq!(Some(key(&point.choice)), brute::best(&limited, None));
            prop_assert!(point.proof.is_some());
        }
        for pair in front.windows(2) {
            prop_assert!(pair[0].choice.totals[measure] < pair[1].choice.totals[measure]);
            prop_assert!(pair[0].choice.objective > pair[1].choice.objective);
        }
        // With two points or more the last is the best that the other limits allow.
        limited.measures[measure].limit = None;
        if let (Some(last), true) = (front.last(), points > 1) {
            let best = brute::best(&limited, None).map(|best| best.0);
            prop_assert_eq!(Some(last.choice.objective), best);
        }
    }

    #[test]
    fn runners_up_equal_enumeration(problem in problem(1..=5, 4)) {
        let Ok(outcome) = solve(&problem, None, &Effort::default()) else { return Ok(()) };
        let Some(choice) = outcome.choice() else { return Ok(()) };
        let found = runners_up(&problem, choice, None, &Effort::default()).unwrap();
        for (layer, found) in found.into_iter().enumerate() {
            let mut other = problem.clone();
            other.layers[layer].candidates.remove(choice.candidates[layer]);
            prop_assert_eq!(found, brute::best(&other, None).map(|best| best.0));
        }
    }

    #[test]
    fn uniform_is_the_best_uniform_choice((problem, _) in ladder()) {
        let within = (0..STEPS.len()).map(|at| problem.evaluate(vec![at; problem.layers.len()]));
        let best = within.filter(|choice| problem.within_limits(choice)).min_by(|one, other| {
            (one.objective, one.totals[0]).partial_cmp(&(other.objective, other.totals[0])).unwrap()
        });
        let found = uniform(&problem, None).unwrap();
        prop_assert_eq!(found.as_ref().map(|found| &found.choice), best.as_ref());
        if let Some(found) = found {
            prop_assert!(found.exceptions.is_empty());
            prop_assert_eq!(problem.bits(&found.choice), vec![found.bits; problem.layers.len()]);
        }
    }

    #[test]
    fn chance_keeps_everything(problem in problem(1..=6, 4), seed in any::<u64>(), tolerance in 0..300u64) {
        let Ok(outcome) = solve(&problem, None, &Effort::default()) else { return Ok(()) };
        let Some(like) = outcome.choice() else { return Ok(()) };
        let found = random(&problem, like, tolerance, seed, None).unwrap();
        prop_assert!(problem.within_limits(&found));
        prop_assert!(brute::choices(&problem).contains(&found.candidates));
        prop_assert_eq!(&found, &problem.evaluate(found.candidates.clone()));
        prop_assert!(found.totals[0] <= like.totals[0]);
        prop_assert!(found.totals[0] * 1000 >= like.totals[0] * (1000 - tolerance));
        prop_assert_eq!(&found, &random(&problem, like, tolerance, seed, None).unwrap());
    }

    #[test]
    fn the_second_hawq_is_the_best_of_its_ranking((problem, scores) in ladder()) {
        let all = following(&problem, &scores);
        let found = hawq_v2(&problem, &scores, &STEPS, None).unwrap();
        let front: Vec<(f64, u64)> = found.front.iter().map(|choice| (choice.objective, choice.totals[0])).collect();
        let beaten = |(objective, bytes, _): &&Key| {
            all.iter().any(|other| other.0 <= *objective && other.1 <= *bytes && (other.0, other.1) != (*objective, *bytes))
        };
        let mut expected: Vec<(f64, u64)> =
            all.iter().filter(|one| !beaten(one)).map(|(objective, bytes, _)| (*objective, *bytes)).collect();
        expected.sort_by_key(|one| one.1);
        expected.dedup();
        prop_assert_eq!(front, expected);
        let limit = problem.measures[0].limit.unwrap();
        let best = all.iter().filter(|one| one.1 <= limit).map(|one| (one.0, one.1));
        let best = best.min_by(|one, other| one.partial_cmp(other).unwrap());
        prop_assert_eq!(found.best.map(|choice| (choice.objective, choice.totals[0])), best);
    }

    #[test]
    fn the_first_hawq_comes_nearest_in_bytes((problem, scores) in ladder(), count in 1..5usize) {
        let limit = problem.measures[0].limit.unwrap();
        // Two parameters per layer halve every score: the same order.
        let parameters = vec![2; scores.len()];
        let found = hawq_v1(&problem, &scores, &parameters, &STEPS, limit, count, None).unwrap();
        let mut bytes: Vec<u64> = following(&problem, &scores).iter().map(|one| one.1).collect();
        bytes.retain(|&bytes| bytes <= limit);
        bytes.sort_unstable_by(|one, other| other.cmp(one));
        bytes.truncate(count);
        prop_assert_eq!(found.iter().map(|choice| choice.totals[0]).collect::<Vec<_>>(), bytes);
    }
}

/// Ten equal layers of which half may be wide: 252 choices at the same bytes.
fn equal_layers() -> Problem {
    let [wide, narrow] = [(8, 0.0, 8), (4, 1.0, 4)].map(|(weights, objective, bytes)| Candidate {
        bits: Bits { weights, activations: 8 },
        objective,
        costs: vec![bytes],
    });
    let layer = Layer::free("layer", vec![wide, narrow]);
    let measures = vec![Measure { name: "bytes".into(), constant: 0, limit: Some(60) }];
    Problem { measures, layers: vec![layer; 10], ties: vec![] }
}

#[test]
fn of_equal_choices_the_first_wins() {
    let problem = equal_layers();
    let outcome = solve(&problem, None, &Effort::default()).unwrap();
    let choice = outcome.choice().unwrap();
    assert_eq!(choice.candidates, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!((choice.objective, choice.totals[0]), (5.0, 60));
}

#[test]
fn seeds_differ_at_the_same_bytes() {
    let problem = equal_layers();
    let like = solve(&problem, None, &Effort::default()).unwrap().choice().unwrap().clone();
    let mut seen: Vec<Vec<usize>> =
        (0..50).map(|seed| random(&problem, &like, 0, seed, None).unwrap().candidates).collect();
    assert!(seen.iter().all(|candidates| candidates.iter().sum::<usize>() == 5));
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 30, "{} of 50", seen.len());
}

#[test]
fn uniform_names_its_exceptions() {
    let mut problem = equal_layers();
    problem.layers[0].fixed_weights = Some(8);
    problem.measures[0].limit = Some(44);
    let found = uniform(&problem, None).unwrap().unwrap();
    assert_eq!((found.bits.weights, found.exceptions), (4, vec![0]));
    problem.measures[0].limit = Some(43);
    assert_eq!(uniform(&problem, None).unwrap(), None);
}

#[test]
fn tied_layers_rank_together() {
    let mut problem = equal_layers();
    problem.ties = vec![Tie { operand: crate::assign::Operand::Weights, layers: vec![0, 9] }];
    let mut scores = vec![0.0; 10];
    scores[9] = 1.0;
    let steps = [STEPS[0], STEPS[1]];
    let best = hawq_v2(&problem, &scores, &steps, None).unwrap().best.unwrap();
    assert_eq!(best.candidates, [0, 0, 0, 0, 1, 1, 1, 1, 1, 0]);
}

#[test]
fn chance_uses_up_the_bytes() {
    // Half of the bytes would do; the walk alone ends anywhere between.
    let layer = |size: u64| {
        let candidate = |&bits: &Bits| Candidate {
            bits,
            objective: f64::from(8 - bits.weights),
            costs: vec![size * u64::from(bits.weights) / 2],
        };
        Layer::free("layer", STEPS.iter().map(candidate).collect())
    };
    let measures = vec![Measure { name: "bytes".into(), constant: 0, limit: Some(700) }];
    let layers: Vec<Layer> = (0..40).map(|at| layer(1 + at % 9)).collect();
    let problem = Problem { measures, layers, ties: vec![] };
    let like = solve(&problem, None, &Effort::default()).unwrap().choice().unwrap().clone();
    assert_eq!(like.totals[0], 700);
    for seed in 0..20 {
        let found = random(&problem, &like, 500, seed, None).unwrap();
        assert!(found.totals[0] >= 695, "{}", found.totals[0]);
        assert_ne!(found.candidates, like.candidates);
    }
}
