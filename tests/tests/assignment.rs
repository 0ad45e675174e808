//! The exact choice of widths on the published inputs of HAWQ-V3's integer program (`../shared/data/ilp`): ResNet18
//! and ResNet50, three limits of three kinds each, and the published configurations.

use std::collections::BTreeMap;

use host_tools::assign::{
    Bits, Candidate, Effort, Layer, Measure, Operand, Outcome, Problem, Proof, Tie, solve,
};
use serde::Deserialize;
use sparrowhawk_tests::shared_data;

/// One network of the file.
#[derive(Deserialize)]
struct Network {
    layers: Vec<String>,
    ties: Vec<Vec<usize>>,
    trace_mean: Vec<f64>,
    d8_sq: Vec<f64>,
    d4_sq: Vec<f64>,
    params: Vec<f64>,
    macs_m: Vec<f64>,
    lat_int4: Vec<f64>,
    lat_int8: Vec<f64>,
    solutions: BTreeMap<String, Solution>,
}

/// Limit, optimum by another solver, and what was published; 1 is 8 bits, 0 is 4.
#[derive(Deserialize)]
struct Solution {
    limit: f64,
    optimum: Vec<u8>,
    omega_opt: f64,
    published: Vec<u8>,
    omega_pub: f64,
}

/// The file's decimals times this are integers.
const SCALE: u64 = 100_000_000;

/// A decimal of at most eight places, as the integer that it is in units of 10^-8.
fn exact(value: f64) -> u64 {
    let text = format!("{value}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    assert!(part.len() <= 8, "{text} has more than eight places");
    let parse = |digits: &str| digits.parse::<u64>().expect("digits");
    parse(whole) * SCALE + parse(&format!("{part:0<8}"))
}

/// Costs at 4 and at 8 bits, in integers.
fn costs(network: &Network, kind: &str) -> Vec<[u64; 2]> {
    let each = 0..network.layers.len();
    match kind {
        // A parameter takes a byte at 8 bits.
        "modelsize" => each.map(|at| exact(network.params[at])).map(|one| [one, 2 * one]).collect(),
        // Both operands have the same width.
        "bops" => each.map(|at| exact(network.macs_m[at])).map(|one| [one, 4 * one]).collect(),
        _ => each.map(|at| [exact(network.lat_int4[at]), exact(network.lat_int8[at])]).collect(),
    }
}

/// What one unit of the costs is in the file.
fn unit(kind: &str) -> f64 {
    match kind {
        "modelsize" => 0.5 / SCALE as f64,
        "bops" => 1.0 / 64.0 / SCALE as f64,
        _ => 1.0 / SCALE as f64,
    }
}

fn problem(network: &Network, kind: &str, quarters: u64) -> Problem {
    let costs = costs(network, kind);
    let [least, most] = [0, 1].map(|at| costs.iter().map(|cost| cost[at]).sum::<u64>());
    // The limit lies a part of the way from all 4 bits to all 8 bits.
    let limit = (4 * least + (most - least) * quarters) / 4;
    let layers = (0..network.layers.len()).map(|at| {
        let both = |bits| Bits { weights: bits, activations: bits };
        let omega = |squares: &[f64]| network.trace_mean[at] * squares[at];
        let candidates = vec![
            Candidate { bits: both(8), objective: omega(&network.d8_sq), costs: vec![costs[at][1]] },
            Candidate { bits: both(4), objective: omega(&network.d4_sq), costs: vec![costs[at][0]] },
        ];
        Layer::free(network.layers[at].as_str(), candidates)
    });
    let tie = |layers: &Vec<usize>| Tie { operand: Operand::Weights, layers: layers.clone() };
    Problem {
        measures: vec![Measure { name: kind.to_string(), constant: 0, limit: Some(limit) }],
        layers: layers.collect(),
        ties: network.ties.iter().map(tie).collect(),
    }
}

#[test]
fn published_configurations_are_optimal_but_one() {
    let Some(path) = shared_data("ilp/hawq_ilp_golden.json") else { return };
    let text = std::fs::read_to_string(path).expect("the data are readable");
    let file: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).expect("the data are JSON");
    let (mut equal, mut better) = (0, Vec::new());
    for name in ["resnet18", "resnet50"] {
        let network: Network = serde_json::from_value(file[name].clone()).expect("a network");
        for (key, solution) in &network.solutions {
            let (kind, part) = key.split_once('_').expect("kind and part");
            let quarters = match part {
                "0.25" => 1,
                "0.5" => 2,
                "0.75" => 3,
                other => panic!("part {other}"),
            };
            let problem = problem(&network, kind, quarters);
            let limit = problem.measures[0].limit.expect("a limit");
            // The file's limit is a rounded sum: the same to its own precision.
            assert!((limit as f64 * unit(kind) - solution.limit).abs() < 1e-6, "{name} {key}: limit {limit}");
            let outcome = solve(&problem, None, &Effort::default()).expect("a sound problem");
            let Outcome::Optimal { choice, proof: Proof::Complete } = outcome else {
                panic!("{name} {key}: {outcome:?}");
            };
            let wide: Vec<u8> = choice.candidates.iter().map(|&at| u8::from(at == 0)).collect();
            assert_eq!(wide, solution.optimum, "{name} {key}");
            assert!((choice.objective - solution.omega_opt).abs() < 1e-9, "{name} {key}");
            if wide == solution.published {
                equal += 1;
            } else {
                assert!(choice.objective < solution.omega_pub, "{name} {key}");
                better.push(format!("{name} {key}"));
            }
        }
    }
    assert_eq!((equal, better), (17, vec!["resnet50 modelsize_0.25".to_string()]));
}
