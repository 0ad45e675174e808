//! Good choices from relaxed ones: exchange options until the limits hold, then for the better while they do.

use super::node::Node;
use super::reduced::Reduced;

/// A choice and its sums.
struct State<'a> {
    reduced: &'a Reduced,
    chosen: Vec<usize>,
    costs: Vec<i64>,
}

/// A choice within the limits near `chosen`, of what the node leaves; `None` where the exchanges do not find one.
/// Knows neither links nor memory.
pub(super) fn repair(reduced: &Reduced, node: &Node, chosen: Vec<usize>) -> Option<Vec<usize>> {
    let mut costs = vec![0; reduced.capacity.len()];
    for &option in &chosen {
        costs.iter_mut().zip(&reduced.picks[option].costs).for_each(|(sum, cost)| *sum += cost);
    }
    let mut state = State { reduced, chosen, costs };
    while !state.fits(0, 0) {
        let (group, option) = state.relief(node)?;
        state.take(group, option);
    }
    while let Some((group, option)) = state.gain(node) {
        state.take(group, option);
    }
    Some(state.chosen)
}

/// The choice after the best exchanges of two groups' options, for as long as there are any.
pub(super) fn polish(reduced: &Reduced, node: &Node, chosen: Vec<usize>) -> Vec<usize> {
    let mut costs = vec![0; reduced.capacity.len()];
    for &option in &chosen {
        costs.iter_mut().zip(&reduced.picks[option].costs).for_each(|(sum, cost)| *sum += cost);
    }
    let mut state = State { reduced, chosen, costs };
    while let Some(exchange) = state.exchange(node) {
        exchange.into_iter().for_each(|(group, option)| state.take(group, option));
    }
    state.chosen
}

impl State<'_> {
    fn take(&mut self, group: usize, option: usize) {
        let old = self.chosen[group];
        for (limit, sum) in self.costs.iter_mut().enumerate() {
            *sum += self.reduced.picks[option].costs[limit] - self.reduced.picks[old].costs[limit];
        }
        self.chosen[group] = option;
    }

    /// Whether the limits hold after `plus` in place of `minus`.
    fn fits(&self, plus: usize, minus: usize) -> bool {
        let picks = &self.reduced.picks;
        self.costs.iter().zip(&self.reduced.capacity).enumerate().all(|(limit, (sum, capacity))| {
            sum + picks[plus].costs[limit] - picks[minus].costs[limit] <= *capacity
        })
    }

    /// By how much the limits are exceeded, each in parts of its largest sum, after `plus` in place of `minus`.
    fn excess(&self, plus: usize, minus: usize) -> f64 {
        let picks = &self.reduced.picks;
        let each =
            self.costs.iter().zip(&self.reduced.capacity).enumerate().map(|(limit, (sum, capacity))| {
                let after = sum + picks[plus].costs[limit] - picks[minus].costs[limit] - capacity;
                after.max(0) as f64 / self.reduced.largest[limit].max(1) as f64
            });
        each.sum()
    }

    fn moves<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = (usize, usize)> + 'a {
        node.free.iter().flat_map(move |&group| {
            node.left(self.reduced, group)
                .filter(move |&option| option != self.chosen[group])
                .map(move |option| (group, option))
        })
    }

    fn rise(&self, group: usize, option: usize) -> i128 {
        self.reduced.picks[option].value - self.reduced.picks[self.chosen[group]].value
    }

    /// The move that costs least per excess taken away.
    fn relief(&self, node: &Node) -> Option<(usize, usize)> {
        let excess = self.excess(0, 0);
        let mut best = None;
        for (group, option) in self.moves(node) {
            let less = excess - self.excess(option, self.chosen[group]);
            if less > 0.0 {
                let price = self.rise(group, option) as f64 / less;
                if best.is_none_or(|(least, _)| price < least) {
                    best = Some((price, (group, option)));
                }
            }
        }
        best.map(|(_, step)| step)
    }

    /// The move that lowers the value most.
    fn gain(&self, node: &Node) -> Option<(usize, usize)> {
        let lower = self.moves(node).filter(|&(group, option)| self.rise(group, option) < 0);
        lower
            .filter(|&(group, option)| self.fits(option, self.chosen[group]))
            .min_by_key(|&(group, option)| self.rise(group, option))
    }

    /// The two moves that together lower the value most.
    fn exchange(&self, node: &Node) -> Option<[(usize, usize); 2]> {
        let picks = &self.reduced.picks;
        let change = |(group, option): (usize, usize), limit: usize| {
            picks[option].costs[limit] - picks[self.chosen[group]].costs[limit]
        };
        let moves: Vec<(usize, usize)> = self.moves(node).collect();
        let mut best: Option<(i128, [(usize, usize); 2])> = None;
        for (at, &one) in moves.iter().enumerate() {
            for &other in &moves[..at] {
                let rise = self.rise(one.0, one.1) + self.rise(other.0, other.1);
                let better = rise < best.map_or(0, |(rise, _)| rise);
                let fits = |limit: usize| {
                    self.costs[limit] + change(one, limit) + change(other, limit)
                        <= self.reduced.capacity[limit]
                };
                if better && one.0 != other.0 && (0..self.costs.len()).all(fits) {
                    best = Some((rise, [one, other]));
                }
            }
        }
        best.map(|(_, exchange)| exchange)
    }
}
