//! Questions that cannot be asked.

use crate::assign::{
    AssignError, Bits, Candidate, Effort, Layer, Measure, Operand, Problem, Tie, hawq_v2, random, solve,
    sweep,
};

const WIDE: Bits = Bits { weights: 8, activations: 8 };

fn problem() -> Problem {
    let candidate = |weights| Candidate { bits: Bits { weights, ..WIDE }, objective: 1.0, costs: vec![1] };
    Problem {
        measures: vec![Measure { name: "bytes".into(), constant: 0, limit: None }],
        layers: vec![
            Layer::free("first", vec![candidate(8), candidate(4)]),
            Layer::free("second", vec![candidate(4), candidate(2)]),
        ],
        ties: vec![],
    }
}

fn error(change: impl FnOnce(&mut Problem)) -> AssignError {
    let mut problem = problem();
    change(&mut problem);
    solve(&problem, None, &Effort::default()).unwrap_err()
}

#[test]
fn numbers_are_checked() {
    assert!(matches!(error(|p| p.layers[0].candidates[1].costs.clear()), AssignError::InvalidCosts { .. }));
    for value in [f64::NAN, f64::INFINITY, -1.0] {
        let error = error(|p| p.layers[1].candidates[0].objective = value);
        assert!(matches!(error, AssignError::InvalidObjective { .. }));
    }
    assert!(matches!(error(|p| p.layers[0].candidates[1].bits = WIDE), AssignError::DuplicateBits { .. }));
    assert!(matches!(
        error(|p| p.layers[0].candidates[1].bits.weights = 64),
        AssignError::InvalidBits { .. }
    ));
    assert!(matches!(
        error(|p| p.layers[0].candidates[1].costs = vec![u64::MAX]),
        AssignError::InvalidTotal { .. }
    ));
    assert!(matches!(error(|p| p.measures[0].constant = 1 << 53), AssignError::InvalidTotal { .. }));
    let many = |p: &mut Problem| p.measures = vec![p.measures[0].clone(); 17];
    assert!(matches!(error(many), AssignError::InvalidMeasures { .. }));
}

#[test]
fn layers_without_a_choice_are_named() {
    let fixed = error(|p| p.layers[1].fixed_weights = Some(8));
    assert_eq!(
        fixed.to_string(),
        "layer `second`: none of its candidates has its fixed widths and at least its minimum"
    );
    assert!(matches!(error(|p| p.layers[1].candidates.clear()), AssignError::NoCandidate { .. }));
    let tied = error(|p| {
        p.layers[0].fixed_weights = Some(8);
        p.ties = vec![Tie { operand: Operand::Weights, layers: vec![0, 1] }];
    });
    let AssignError::NoCommonBits { operand: Operand::Weights, layers } = tied else { panic!("{tied}") };
    assert_eq!(layers, ["first", "second"]);
    // Either width can be had by both layers, both at once cannot.
    let crossed = error(|p| {
        p.layers[0].candidates[1].bits = Bits { weights: 4, activations: 4 };
        p.layers[1].candidates[0].bits = Bits { weights: 4, activations: 8 };
        p.layers[1].candidates[1].bits = Bits { weights: 8, activations: 4 };
        p.ties = [Operand::Weights, Operand::Activations]
            .map(|operand| Tie { operand, layers: vec![0, 1] })
            .to_vec();
    });
    assert!(matches!(crossed, AssignError::NoJointBits { .. }), "{crossed}");
    assert!(matches!(
        error(|p| p.ties = vec![Tie { operand: Operand::Weights, layers: vec![0, 2] }]),
        AssignError::InvalidTie { layer: 2, layers: 2 }
    ));
}

#[test]
fn arguments_are_checked() {
    let problem = problem();
    let effort = Effort::default();
    assert!(matches!(sweep(&problem, 1, 3, None, &effort), Err(AssignError::InvalidMeasure { .. })));
    assert!(matches!(hawq_v2(&problem, &[1.0], &[WIDE], None), Err(AssignError::InvalidScores { .. })));
    let mut like = problem.evaluate(vec![0, 0]);
    like.candidates[1] = 7;
    assert!(matches!(random(&problem, &like, 10, 1, None), Err(AssignError::InvalidChoice { .. })));
}

#[test]
fn no_layers_are_no_problem() {
    let empty = Problem::default();
    let outcome = solve(&empty, None, &Effort::default()).unwrap();
    assert_eq!(outcome.choice().unwrap(), &empty.evaluate(Vec::new()));
}
