//! What is said when the effort does not suffice for a proof.

use std::time::Duration;

use crate::assign::{
    Arena, Bits, Candidate, Effort, Layer, Measure, OracleError, Outcome, Problem, Proof, solve,
};

/// Layers whose sizes have nothing in common, so that one bound does not prove the optimum.
fn uneven(layers: u64) -> Problem {
    let layer = |at: u64| {
        let size = 1000 + at * at * 37 % 101;
        let each = [(8, 8), (4, 8), (8, 4), (4, 4)].map(|(weights, activations)| Candidate {
            bits: Bits { weights, activations },
            objective: (at * 53 % 29 + 3) as f64 * (16.0 / f64::from(weights) + 8.0 / f64::from(activations)),
            costs: vec![size * u64::from(weights), size * at * u64::from(weights) * u64::from(activations)],
        });
        Layer::free(format!("layer {at}"), each.to_vec())
    };
    let layers: Vec<Layer> = (1..=layers).map(layer).collect();
    let measures = ["bytes", "operations"].iter().enumerate().map(|(at, name)| {
        let most: u64 = layers.iter().map(|layer| layer.candidates[0].costs[at]).sum();
        Measure { name: name.to_string(), constant: 0, limit: Some(most * 5 / 8) }
    });
    Problem { measures: measures.collect(), layers, ties: vec![] }
}

#[test]
fn the_gap_is_stated() {
    let problem = uneven(40);
    let Outcome::Optimal { choice: optimum, proof: Proof::Complete } =
        solve(&problem, None, &Effort::default()).unwrap()
    else {
        panic!("not solved");
    };
    let effort = Effort { nodes: 1, ..Effort::default() };
    let Outcome::Unproven { choice, bound, gap } = solve(&problem, None, &effort).unwrap() else {
        panic!("solved in one node");
    };
    assert!(problem.within_limits(&choice));
    assert!(bound <= optimum.objective && optimum.objective <= choice.objective);
    assert!((0.0..0.1).contains(&gap), "gap {gap}");
    // The bound of a longer search is no worse.
    let longer = Effort { nodes: 10, ..Effort::default() };
    if let Outcome::Unproven { bound: closer, .. } = solve(&problem, None, &longer).unwrap() {
        assert!((bound..=optimum.objective).contains(&closer));
    }
}

#[test]
fn no_time_is_no_proof() {
    let effort = Effort { time: Duration::ZERO, ..Effort::default() };
    assert!(matches!(solve(&uneven(40), None, &effort).unwrap(), Outcome::Unproven { .. }));
}

/// Ten layers of which no two neighbours fit with wide activations.
fn memory(effort: &Effort) -> (Outcome, usize, bool) {
    let mut problem = uneven(10);
    problem.measures.iter_mut().for_each(|measure| measure.limit = None);
    let mut oracle = |bits: &[u8]| -> Result<u64, OracleError> {
        Ok(bits.windows(2).map(|pair| u64::from(pair[0]) + u64::from(pair[1])).max().unwrap_or(0))
    };
    let mut arena = Arena::new(12, &mut oracle);
    let outcome = solve(&problem, Some(&mut arena), effort).unwrap();
    (outcome, arena.calls(), arena.contradiction().is_some())
}

#[test]
fn what_memory_was_not_asked_for_is_said() {
    let (outcome, calls, _) = memory(&Effort { oracle_calls: 0, ..Effort::default() });
    let Outcome::Optimal { choice, proof } = outcome else { panic!("{outcome:?}") };
    assert_eq!((choice.arena, proof), (Some(12), Proof::IfMonotone));
    assert!(calls < 200, "{calls} of 1024 patterns");
    let (outcome, _, contradiction) = memory(&Effort::default());
    assert_eq!(outcome, Outcome::Optimal { choice, proof: Proof::Complete });
    assert!(!contradiction);
}

#[test]
fn an_oracle_that_contradicts_itself_is_found_out() {
    let mut problem = uneven(6);
    problem.measures.iter_mut().for_each(|measure| measure.limit = None);
    // Only all wide fits: more bits take less.
    let mut oracle =
        |bits: &[u8]| -> Result<u64, OracleError> { Ok(if bits.contains(&4) { 100 } else { 10 }) };
    let mut arena = Arena::new(50, &mut oracle);
    let outcome = solve(&problem, Some(&mut arena), &Effort::default()).unwrap();
    let Outcome::Optimal { choice, proof: Proof::Complete } = outcome else { panic!("{outcome:?}") };
    assert_eq!((choice.candidates, choice.arena), (vec![0; 6], Some(10)));
}

#[test]
fn the_oracles_error_is_passed_on() {
    let mut oracle = |_: &[u8]| -> Result<u64, OracleError> { Err("no plan".into()) };
    let mut arena = Arena::new(50, &mut oracle);
    let error = solve(&uneven(3), Some(&mut arena), &Effort::default()).unwrap_err();
    assert!(error.to_string().ends_with("could not be computed: no plan"), "{error}");
}
