//! Lower bounds by Lagrangian relaxation: every limit gets a price, every group takes what is then cheapest.
//!
//! For prices `p >= 0`, any choice within the limits has at least the value
//! `min over choices of value + sum_k p_k * (costs_k - capacity_k)` (Everett 1963; Fisher 1981). Prices are found in
//! floating point, the bound at these prices is computed in integers: no rounding makes it too large.

use super::node::Node;
use super::reduced::Reduced;

/// `f64` copies of a problem's numbers, in scales of order one: values per [`Reduced::worst`], costs per
/// [`Reduced::largest`].
#[derive(Debug)]
pub(super) struct Floats {
    values: Vec<f64>,
    /// All limits of an option beside each other.
    costs: Vec<f64>,
    pub(super) capacity: Vec<f64>,
}

/// The relaxed choice at some prices.
#[derive(Clone, Debug)]
pub(super) struct Relaxed {
    /// Value plus priced excess: a lower bound but for rounding.
    pub(super) bound: f64,
    /// Value alone.
    pub(super) value: f64,
    /// How far every limit is exceeded; negative where there is room. The bound's slope over its price.
    pub(super) excess: Vec<f64>,
    /// An option of every group.
    pub(super) chosen: Vec<usize>,
}

/// An exact bound, and what every option left would add to it.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) value: i128,
    /// Indexed as the picks; of decided groups nothing.
    pub(super) regret: Vec<i128>,
}

/// Room for priced costs in `i128`, of which [`Problem::validate`](super::Problem) allows 16 measures.
const PRICED_BITS: u32 = 120;

impl Floats {
    pub(super) fn new(reduced: &Reduced) -> Self {
        let scale = |limit: usize, cost: i64| cost as f64 / (reduced.largest[limit].max(1)) as f64;
        let worst = reduced.worst.max(1) as f64;
        Self {
            values: reduced.picks.iter().map(|pick| pick.value as f64 / worst).collect(),
            costs: reduced
                .picks
                .iter()
                .flat_map(|pick| {
                    pick.costs.iter().enumerate().map(|(limit, &cost)| scale(limit, cost)).collect::<Vec<_>>()
                })
                .collect(),
            capacity: reduced.capacity.iter().enumerate().map(|(limit, &one)| scale(limit, one)).collect(),
        }
    }

    /// The relaxed choice of what a node leaves, at prices in the scales of these numbers. Of equally cheap
    /// options the first.
    pub(super) fn relax(&self, reduced: &Reduced, node: &Node, prices: &[f64]) -> Relaxed {
        let limits = prices.len();
        let mut value = node.value as f64 / reduced.worst.max(1) as f64;
        let mut excess: Vec<f64> = (0..limits)
            .map(|limit| {
                node.costs[limit] as f64 / reduced.largest[limit].max(1) as f64 - self.capacity[limit]
            })
            .collect();
        let mut chosen = node.chosen.clone();
        for &group in &node.free {
            let mut best = (f64::INFINITY, 0);
            for option in node.left(reduced, group) {
                let costs = &self.costs[option * limits..][..limits];
                let priced: f64 = costs.iter().zip(prices).map(|(cost, price)| cost * price).sum();
                if self.values[option] + priced < best.0 {
                    best = (self.values[option] + priced, option);
                }
            }
            let option = best.1;
            chosen[group] = option;
            value += self.values[option];
            for (excess, cost) in excess.iter_mut().zip(&self.costs[option * limits..]) {
                *excess += cost;
            }
        }
        let mut relaxed = Relaxed { bound: 0.0, value, excess, chosen };
        relaxed.bound = relaxed.height(prices);
        relaxed
    }

    /// The plane of a choice, with options that the node has not left replaced.
    pub(super) fn plane(&self, reduced: &Reduced, node: &Node, mut chosen: Vec<usize>) -> Relaxed {
        let limits = self.capacity.len();
        let mut value = 0.0;
        let mut excess: Vec<f64> = self.capacity.iter().map(|capacity| -capacity).collect();
        for (group, option) in chosen.iter_mut().enumerate() {
            if !node.alive[*option] {
                *option = node.left(reduced, group).next().unwrap_or(*option);
            }
            value += self.values[*option];
            for (excess, cost) in excess.iter_mut().zip(&self.costs[*option * limits..]) {
                *excess += cost;
            }
        }
        Relaxed { bound: f64::NEG_INFINITY, value, excess, chosen }
    }
}

impl Relaxed {
    /// The plane's height over some prices.
    pub(super) fn height(&self, prices: &[f64]) -> f64 {
        self.value + self.excess.iter().zip(prices).map(|(excess, price)| excess * price).sum::<f64>()
    }
}

impl Bound {
    /// The bound of what a node leaves at its prices.
    pub(super) fn new(reduced: &Reduced, node: &Node) -> Self {
        let worst = reduced.worst.max(1) as f64;
        let prices: Vec<i128> = node
            .prices
            .iter()
            .zip(&reduced.largest)
            .map(|(&price, &largest)| {
                // A price that the bound does not need to be exact: any that is not negative gives a bound.
                let most = (1i128 << PRICED_BITS) / i128::from(largest.max(1) + 1);
                ((price * worst / largest.max(1) as f64).round() as i128).clamp(0, most)
            })
            .collect();
        let priced = |costs: &[i64]| {
            prices.iter().zip(costs).map(|(price, &cost)| price * i128::from(cost)).sum::<i128>()
        };
        let mut value = node.value + priced(&node.costs) - priced(&reduced.capacity);
        let mut regret = vec![0; reduced.picks.len()];
        for &group in &node.free {
            let mut least = i128::MAX;
            for option in node.left(reduced, group) {
                let pick = &reduced.picks[option];
                regret[option] = pick.value + priced(&pick.costs);
                least = least.min(regret[option]);
            }
            value += least;
            node.left(reduced, group).for_each(|option| regret[option] -= least);
        }
        Self { value, regret }
    }
}
