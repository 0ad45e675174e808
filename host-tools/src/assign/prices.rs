//! Prices of limits that make the Lagrangian bound large.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, variable};

use super::bound::{Floats, Relaxed};
use super::node::Node;
use super::reduced::Reduced;

/// Planes after which the root's bound is good enough.
const MOST_PLANES: usize = 100;
/// Gap between bound and planes that is not worth another plane, as part of the largest value.
const CLOSE: f64 = 1e-10;
/// The price up to which the first planes look; it grows as needed.
const FIRST_BOX: f64 = 10.0;
const LARGEST_BOX: f64 = 1e9;
/// Steps of the descent in a node.
const STEPS: usize = 12;
/// Steps without a better bound after which they become shorter.
const PATIENCE: usize = 3;

/// The best prices of all choices (to [`CLOSE`]) by cutting planes: a linear program over the prices, to which
/// every relaxed choice adds the plane that bounds the bound (Kelley 1960). This is the dual of the linear
/// relaxation. `seen` is shown every relaxed choice.
pub(super) fn planes(reduced: &Reduced, floats: &Floats, node: &Node, mut seen: impl FnMut(&Relaxed)) -> Vec<f64> {
    let limits = node.prices.len();
    let mut best = floats.relax(reduced, node, &node.prices);
    let mut prices = node.prices.clone();
    let mut planes = Vec::new();
    let mut largest = FIRST_BOX;
    seen(&best);
    planes.push(best.clone());
    while limits > 0 && planes.len() < MOST_PLANES {
        let Some((height, next)) = highest(&planes, limits, largest) else { break };
        let at_edge = next.iter().any(|&price| price > 0.99 * largest);
        let relaxed = floats.relax(reduced, node, &next);
        let bound = relaxed.bound;
        seen(&relaxed);
        planes.push(relaxed.clone());
        if bound > best.bound {
            (best, prices) = (relaxed, next);
        }
        // Beyond the largest value there is nothing: no choice keeps the limits.
        if best.bound > 1.0 + CLOSE {
            break;
        }
        if at_edge && largest < LARGEST_BOX {
            largest *= 10.0;
        } else if height - best.bound < CLOSE {
            break;
        }
    }
    prices
}

/// The highest point below all planes and its prices.
fn highest(planes: &[Relaxed], limits: usize, largest: f64) -> Option<(f64, Vec<f64>)> {
    let mut variables = ProblemVariables::new();
    let height = variables.add(variable());
    let prices = variables.add_vector(variable().min(0.0).max(largest), limits);
    let mut model = variables.maximise(height).using(good_lp::microlp);
    for plane in planes {
        let slope: Expression = prices.iter().zip(&plane.excess).map(|(&price, &excess)| price * excess).sum();
        model = model.with((height - slope).leq(plane.value));
    }
    let solution = model.solve().ok()?;
    Some((solution.value(height), prices.iter().map(|&price| solution.value(price).max(0.0)).collect()))
}

/// Better prices for a node, from its parent's, by subgradient steps towards `target` (Polyak 1969). `seen` is
/// shown the relaxed choice at the best of them.
pub(super) fn steps(reduced: &Reduced, floats: &Floats, node: &Node, target: f64) -> (Vec<f64>, Relaxed) {
    let mut prices = node.prices.clone();
    let mut relaxed = floats.relax(reduced, node, &prices);
    let mut best = (prices.clone(), relaxed.clone());
    let (mut length, mut waited) = (1.0, 0);
    for _ in 0..STEPS {
        let slope = |price: f64, excess: f64| if price <= 0.0 && excess < 0.0 { 0.0 } else { excess };
        let slopes: Vec<f64> = prices.iter().zip(&relaxed.excess).map(|(&price, &one)| slope(price, one)).collect();
        let steep: f64 = slopes.iter().map(|slope| slope * slope).sum();
        let missing = target - best.1.bound;
        if steep == 0.0 || missing <= 0.0 {
            break;
        }
        let step = length * (target - relaxed.bound) / steep;
        for (price, slope) in prices.iter_mut().zip(&slopes) {
            *price = (*price + step * slope).max(0.0);
        }
        relaxed = floats.relax(reduced, node, &prices);
        if relaxed.bound > best.1.bound {
            best = (prices.clone(), relaxed.clone());
            waited = 0;
        } else {
            waited += 1;
            if waited == PATIENCE {
                (length, waited) = (length / 2.0, 0);
                prices.clone_from(&best.0);
                relaxed = best.1.clone();
            }
        }
    }
    best
}
