//! Prices of limits that make the Lagrangian bound large.

use good_lp::{Expression, ProblemVariables, Solution, SolverModel, variable};

use super::bound::{Floats, Relaxed};
use super::node::Node;
use super::reduced::Reduced;

/// Planes after which the bound is good enough.
const MOST_PLANES: usize = 100;
/// Gap between bound and planes that is not worth another plane: as part of the largest value, and of what the bound
/// lacks.
const CLOSE: f64 = 1e-10;
const CLOSE_PART: f64 = 0.01;
/// Planes that children start from, per limit.
const KEPT_PER_LIMIT: usize = 3;
/// The price up to which the first planes look, beyond twice the parent's; it grows as needed.
const FIRST_BOX: f64 = 10.0;
const LARGEST_BOX: f64 = 1e9;

/// Sets a node's prices to the best for it, by cutting planes from its parent's: a linear program over the prices, to
/// which every relaxed choice adds the plane that bounds the bound (Kelley 1960). This is the dual of the linear
/// relaxation. Stops where the bound exceeds `target`, beyond which nothing is of interest. `seen` is shown every
/// relaxed choice; returns the one at the best prices.
pub(super) fn improve(
    reduced: &Reduced,
    floats: &Floats,
    node: &mut Node,
    target: f64,
    mut seen: impl FnMut(&Relaxed),
) -> Relaxed {
    let limits = node.prices.len();
    let mut best = floats.relax(reduced, node, &node.prices);
    seen(&best);
    let mut planes: Vec<Relaxed> = std::mem::take(&mut node.planes)
        .into_iter()
        .map(|chosen| floats.plane(reduced, node, chosen))
        .chain([best.clone()])
        .collect();
    let mut largest = node.prices.iter().fold(FIRST_BOX, |largest, &price| largest.max(2.0 * price));
    let most = planes.len() + MOST_PLANES;
    while limits > 0 && planes.len() < most && best.bound <= target + CLOSE {
        let Some((height, prices)) = highest(&planes, limits, largest) else { break };
        let at_edge = prices.iter().any(|&price| price > 0.99 * largest);
        let relaxed = floats.relax(reduced, node, &prices);
        seen(&relaxed);
        planes.push(relaxed.clone());
        if relaxed.bound > best.bound {
            best = relaxed;
            node.prices = prices;
        }
        if at_edge && largest < LARGEST_BOX {
            largest *= 10.0;
        } else if height - best.bound < CLOSE.max(CLOSE_PART * (target - best.bound)) {
            break;
        }
    }
    // The lowest planes at these prices are those that make the bound what it is.
    planes.sort_by(|one, other| one.height(&node.prices).total_cmp(&other.height(&node.prices)));
    node.planes = planes.into_iter().take(KEPT_PER_LIMIT * limits).map(|plane| plane.chosen).collect();
    best
}

/// The highest point below all planes and its prices.
fn highest(planes: &[Relaxed], limits: usize, largest: f64) -> Option<(f64, Vec<f64>)> {
    let mut variables = ProblemVariables::new();
    let height = variables.add(variable());
    let prices = variables.add_vector(variable().min(0.0).max(largest), limits);
    let mut model = variables.maximise(height).using(good_lp::microlp);
    for plane in planes {
        let slope: Expression =
            prices.iter().zip(&plane.excess).map(|(&price, &excess)| price * excess).sum();
        model = model.with((height - slope).leq(plane.value));
    }
    let solution = model.solve().ok()?;
    Some((solution.value(height), prices.iter().map(|&price| solution.value(price).max(0.0)).collect()))
}
