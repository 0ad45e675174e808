//! Traces and eigenvalues against Hessians that are built column by column.

use std::sync::atomic::AtomicBool;

use super::net::{piecewise, smooth};
use crate::lower::fold;
use crate::sensitivity::tape::Direction;
use crate::sensitivity::{Block, Curvature, Estimate, Outputs, SensitivityError, Watch};

fn watch(stop: &AtomicBool) -> Watch<'_> {
    Watch { stop, done: &|| {} }
}

/// `H_ii` of every layer, column by column.
fn blocks(curvature: &Curvature) -> Vec<Vec<Vec<f32>>> {
    let weights = curvature.weights();
    let mut vector: Vec<Vec<f32>> = weights.iter().map(|&count| vec![0.0; count]).collect();
    (0..weights.len())
        .map(|layer| {
            (0..weights[layer])
                .map(|weight| {
                    vector[layer][weight] = 1.0;
                    let mut product = curvature.product(&vector).unwrap();
                    vector[layer][weight] = 0.0;
                    product.swap_remove(layer)
                })
                .collect()
        })
        .collect()
}

/// Diagonal of every block.
fn diagonals(curvature: &Curvature) -> Vec<Vec<f64>> {
    let diagonal = |block: Vec<Vec<f32>>| block.iter().enumerate().map(|(i, c)| f64::from(c[i])).collect();
    blocks(curvature).into_iter().map(diagonal).collect()
}

/// One column of factors 1 for every layer.
fn ones(curvature: &Curvature) -> Vec<Vec<Vec<f64>>> {
    let channels = curvature.layers().map(|node| curvature.graph.shape(node.output).c);
    channels.map(|channels| vec![vec![1.0; channels]]).collect()
}

/// Estimates of the traces by many probes, with factors 1.
fn estimates(curvature: &Curvature, block: Block, probes: usize) -> Vec<Estimate> {
    let mut ones = ones(curvature);
    if block == Block::Operands {
        ones.iter_mut().for_each(|columns| *columns = vec![vec![1.0]]);
    }
    let stop = AtomicBool::new(false);
    let rows = curvature.probe(block, 3, 0..probes, &ones, watch(&stop)).unwrap();
    (0..ones.len()).map(|layer| Estimate::of(rows.iter().map(|row| row[layer][0]))).collect()
}

/// Within four standard errors, which are small beside the network's largest trace.
fn assert_close(estimates: &[Estimate], exact: &[f64]) {
    assert_eq!(estimates.len(), exact.len());
    let largest = exact.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    for (estimate, exact) in estimates.iter().zip(exact) {
        let error = (estimate.mean - exact).abs();
        assert!(error <= 4.0 * estimate.standard_error + 1e-6 * exact.abs(), "{estimate:?} is not {exact}");
        assert!(estimate.standard_error < 0.08 * largest, "{estimate:?} says nothing beside {largest}");
    }
}

#[test]
fn weight_traces_are_those_of_the_hessian() {
    for (net, entropy) in [(piecewise(), false), (piecewise(), true), (smooth(None), true)] {
        // Three chunks, the last one short.
        let curvature = net.curvature(19, entropy);
        let exact: Vec<f64> = diagonals(&curvature).iter().map(|d| d.iter().sum()).collect();
        assert_close(&estimates(&curvature, Block::Weights, 8000), &exact);
    }
}

/// One column of factors 1: by weights, then by operands.
fn from_outputs(curvature: &Curvature, outputs: &Outputs, column: usize) -> Vec<Estimate> {
    let stop = AtomicBool::new(false);
    let rows = curvature.probe_outputs(outputs, &ones(curvature), watch(&stop)).unwrap();
    (0..rows[0].len()).map(|layer| Estimate::of(rows.iter().map(|row| row[layer][column]))).collect()
}

#[test]
fn traces_from_the_outputs_are_those_of_the_hessian() {
    for entropy in [false, true] {
        let net = piecewise();
        let curvature = net.curvature(19, entropy);
        assert!(curvature.is_piecewise_linear());
        let exact: Vec<f64> = diagonals(&curvature).iter().map(|d| d.iter().sum()).collect();
        let all = from_outputs(&curvature, &Outputs::All, 0);
        // Both are sums of products that are right to 30 roundings of f32.
        let close = |(all, exact): (&Estimate, &f64)| (all.mean - exact).abs() <= 2e-6 * exact.abs();
        assert!(all.iter().zip(&exact).all(close), "{all:?} are not {exact:?}");
        let signs = Outputs::Signs { seed: 4, probes: 0..300 };
        assert_close(&from_outputs(&curvature, &signs, 0), &exact);
        let operands: Vec<f64> = from_outputs(&curvature, &Outputs::All, 1).iter().map(|e| e.mean).collect();
        assert_close(&estimates(&curvature, Block::Operands, 1000), &operands);
        assert_close(&from_outputs(&curvature, &signs, 1), &operands);
    }
    assert!(!smooth(None).curvature(1, true).is_piecewise_linear());
}

#[test]
fn operand_traces_are_those_of_the_hessian() {
    for (net, entropy) in [(piecewise(), false), (smooth(None), true)] {
        let curvature = net.curvature(5, entropy);
        let tape = curvature.tape(0).unwrap();
        let exact: Vec<f64> = (curvature.layers.iter())
            .map(|&layer| {
                let elements = 5 * net.graph.shape(net.graph.nodes[layer].inputs[0]).len();
                let column = |element: usize| {
                    let mut unit = vec![0.0; elements];
                    unit[element] = 1.0;
                    let mut direction = Direction::none(&net.graph);
                    direction.operands[layer] = Some(&unit);
                    let mut entry = 0.0;
                    tape.derive(&curvature.objective, &direction, |moved| {
                        if let Some(column) = moved.operand {
                            entry = f64::from(column[element]);
                        }
                    });
                    entry
                };
                (0..elements).map(column).sum()
            })
            .collect();
        assert_close(&estimates(&curvature, Block::Operands, 1000), &exact);
    }
}

/// A folded layer's weights are the stored ones times a factor per channel, so that second derivatives by the
/// stored ones have its square.
#[test]
fn traces_of_stored_weights_follow_from_those_of_folded_ones() {
    let stored = piecewise();
    let folded = fold(&stored.graph);
    let by_stored = diagonals(&stored.curvature(6, false));
    let curvature = stored.curvature(6, false);
    let curvature =
        Curvature::new(&folded.graph, curvature.input.clone(), curvature.objective.clone()).unwrap();
    let by_folded = diagonals(&curvature);
    let norm = folded.norms.values().next().expect("one BatchNorm is folded");
    let scale = norm.norm.affine().scale;
    let row = by_folded[0].len() / scale.len();
    for (weight, (folded, stored)) in by_folded[0].iter().zip(&by_stored[0]).enumerate() {
        let expected = folded * f64::from(scale[weight / row]).powi(2);
        assert!(
            (expected - stored).abs() <= 1e-4 * stored.abs(),
            "weight {weight}: {expected} is not {stored}"
        );
    }
}

#[test]
fn eigenvalues_are_the_largest() {
    for (net, entropy) in [(piecewise(), false), (smooth(None), true)] {
        let curvature = net.curvature(6, entropy);
        let stop = AtomicBool::new(false);
        let found = curvature.eigenvalues(1, 1e-3, 500, watch(&stop)).unwrap();
        for (found, block) in found.iter().zip(blocks(&curvature)) {
            // Squared ten times, the matrix is nearly that of its largest eigenvalue alone: its Rayleigh quotient by
            // the largest column is the eigenvalue, less than (ratio of the two largest)^2048 off.
            let largest = dominant(&block);
            assert!((found.value - largest).abs() <= 1e-3 * largest.abs(), "{found:?} is not {largest}");
        }
    }
}

/// The eigenvalue of largest size of a symmetric matrix, from its powers.
fn dominant(block: &[Vec<f32>]) -> f64 {
    let matrix: Vec<Vec<f64>> = block.iter().map(|c| c.iter().map(|v| f64::from(*v)).collect()).collect();
    let mut power = matrix.clone();
    for _ in 0..10 {
        let largest = power.iter().flatten().fold(0.0, |m: f64, v| m.max(v.abs()));
        power.iter_mut().flatten().for_each(|v| *v /= largest);
        power = (0..power.len())
            .map(|i| {
                let mut row = vec![0.0; power.len()];
                for (k, factor) in power[i].iter().enumerate() {
                    row.iter_mut().zip(&power[k]).for_each(|(sum, v)| *sum += factor * v);
                }
                row
            })
            .collect();
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let vector = power.iter().max_by(|a, b| dot(a, a).total_cmp(&dot(b, b))).unwrap();
    let product: Vec<f64> = matrix.iter().map(|column| dot(column, vector)).collect();
    dot(vector, &product) / dot(vector, vector)
}

#[test]
fn work_can_be_interrupted() {
    let net = smooth(None);
    let curvature = net.curvature(3, true);
    let stop = AtomicBool::new(true);
    let probed = curvature.probe(Block::Weights, 0, 0..2, &ones(&curvature), watch(&stop));
    assert!(matches!(probed, Err(SensitivityError::Interrupted)));
    assert!(matches!(curvature.eigenvalues(0, 0.1, 2, watch(&stop)), Err(SensitivityError::Interrupted)));
}
