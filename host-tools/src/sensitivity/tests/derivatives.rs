//! Gradients and Hessian-vector products against difference quotients.

use super::net::{Net, piecewise, smooth};
use crate::graph::{Graph, Op};
use crate::random::{Purpose, Random};
use crate::sensitivity::{Curvature, Objective};

type Vectors = Vec<Vec<f32>>;

fn vectors(curvature: &Curvature, index: usize) -> Vectors {
    let mut random = Random::new(5, Purpose::Start, 1, index);
    let whole = |len: &usize| (0..*len).map(|_| random.within(1) as f32).collect();
    curvature.weights().iter().map(whole).collect()
}

fn dot(a: &Vectors, b: &Vectors) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The network with all weights moved.
fn moved(graph: &Graph, direction: &Vectors, step: f32) -> Graph {
    let mut graph = graph.clone();
    let mut directions = direction.iter();
    for node in &mut graph.nodes {
        let weight = match &mut node.op {
            Op::Conv(conv) => &mut conv.weight,
            Op::Dense(dense) => &mut dense.weight,
            _ => continue,
        };
        weight.iter_mut().zip(directions.next().unwrap()).for_each(|(w, d)| *w += step * d);
    }
    graph
}

/// Loss and gradient along a direction, differentiated by difference quotients with three steps that cancel all
/// even powers below the sixth: exact for polynomials of degree 6.
struct Quotients {
    direction: Vectors,
    loss: f64,
    gradient: Vectors,
}

impl Quotients {
    fn new(curvature: &Curvature, index: usize, step: f32) -> Self {
        let direction = vectors(curvature, index);
        let at = |steps: f32| {
            let graph = moved(curvature.graph, &direction, steps * step);
            let moved = Curvature::new(&graph, curvature.input.clone(), curvature.objective.clone());
            moved.unwrap().gradient().unwrap()
        };
        let mut loss = 0.0;
        let mut gradient = vec![0.0; direction.iter().flatten().count()];
        for (steps, weight) in [(1.0, 1.5), (2.0, -0.6), (3.0, 0.1)] {
            let (above, below) = (at(steps), at(-steps));
            let factor = weight / (2.0 * f64::from(steps * step));
            loss += factor * (above.0 - below.0);
            let pairs = above.1.iter().flatten().zip(below.1.iter().flatten());
            for (sum, (above, below)) in gradient.iter_mut().zip(pairs) {
                *sum += factor * (f64::from(*above) - f64::from(*below));
            }
        }
        let mut values = gradient.into_iter().map(|v| v as f32);
        let gradient = direction.iter().map(|block| values.by_ref().take(block.len()).collect()).collect();
        Self { direction, loss, gradient }
    }
}

/// Largest difference over the largest value.
fn error(found: &Vectors, expected: &Vectors) -> f64 {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let difference = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    difference / expected.iter().flatten().fold(0.0, |m: f64, v| m.max(f64::from(v.abs())))
}

/// Rounding: a gradient is right to some `2^-24` of its size for each of the 30 or fewer sums and functions in a
/// row that lead to it, and a quotient divides the error of two by at least the step: `30 * 2^-24 * 2.2 / step` is
/// 1e-3 for 1/256 and 2.5e-4 for 1/64. Truncation: none where loss and gradient are polynomials of degree 6, which
/// they are without kinks between the steps; else it shrinks with the sixth power of the step, and what a step of
/// 1/16 leaves, less than 1e-2, is less than 1e-2 / 4^6 for 1/64. A derivative that lacks a term is wrong by its
/// whole size.
fn check(net: &Net, entropy: bool, step: f32) {
    let tolerance = 30.0 * 2f64.powi(-24) * 2.2 / f64::from(step);
    let curvature = net.curvature(4, entropy);
    let (_, gradient) = curvature.gradient().unwrap();
    let size = |a: &Vectors, b: &Vectors| -> f64 {
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        pairs.map(|(a, b)| f64::from((a * b).abs())).sum()
    };
    let cases = [0, 1].map(|index| {
        let expected = Quotients::new(&curvature, index, step);
        let slope = dot(&gradient, &expected.direction);
        let bound = tolerance * size(&gradient, &expected.direction);
        assert!((slope - expected.loss).abs() <= bound, "gradient: {slope} is not {}", expected.loss);
        let product = curvature.product(&expected.direction).unwrap();
        assert!(product.iter().all(|block| block.iter().any(|v| *v != 0.0)), "an empty block proves nothing");
        let error = error(&product, &expected.gradient);
        assert!(error <= tolerance, "Hessian: relative error {error:e} above {tolerance:e}");
        (expected.direction, product)
    });
    let [(u, hu), (v, hv)] = &cases;
    // Both sides are sums of products that are right to 30 roundings.
    let bound = 30.0 * 2f64.powi(-24) * (size(u, hv) + size(v, hu));
    let (one, other) = (dot(u, hv), dot(v, hu));
    assert!((one - other).abs() <= bound, "u H v = {one}, v H u = {other}");
}

#[test]
fn piecewise_linear_networks() {
    check(&piecewise(), false, 1.0 / 256.0);
}

#[test]
fn smooth_networks_with_every_end() {
    for end in [None, Some(Op::Softmax), Some(Op::LogSoftmax)] {
        for entropy in [false, true] {
            check(&smooth(end.clone()), entropy, 1.0 / 64.0);
        }
    }
}

#[test]
fn results_are_the_same_bits_with_any_number_of_threads() {
    let net = smooth(None);
    let curvature = net.curvature(40, true);
    let vector = vectors(&curvature, 0);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (curvature.gradient().unwrap(), curvature.product(&vector).unwrap()))
    };
    let one = on(1);
    assert!([2, 3, 7].into_iter().all(|threads| on(threads) == one));
}

#[test]
fn what_does_not_fit_is_refused() {
    let net = smooth(None);
    let sample = vec![0.0; 32];
    let new = |input: &[f32], objective| Curvature::new(&net.graph, input.to_vec(), objective);
    assert!(new(&sample, Objective::CrossEntropy(vec![3])).is_ok());
    assert!(new(&sample, Objective::CrossEntropy(vec![4])).is_err());
    assert!(new(&sample, Objective::CrossEntropy(vec![])).is_err());
    assert!(new(&sample, Objective::SquaredError(vec![0.0; 3])).is_err());
    assert!(new(&sample[1..], Objective::CrossEntropy(vec![3])).is_err());
    assert!(new(&[], Objective::CrossEntropy(vec![])).is_err());
    assert!(new(&sample, Objective::CrossEntropy(vec![3])).unwrap().product(&[vec![]]).is_err());
}
