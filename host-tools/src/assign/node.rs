//! A part of the choices: some options left to every group.

use super::reduced::Reduced;

/// What is left of every group's options.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// For every option whether it is left.
    pub(super) alive: Vec<bool>,
    /// Groups with more than one option left.
    pub(super) free: Vec<usize>,
    /// The option of every other group; anything for free groups.
    pub(super) chosen: Vec<usize>,
    /// Value of the decided groups.
    pub(super) value: i128,
    /// Costs of the decided groups.
    pub(super) costs: Vec<i64>,
    /// Price per unit of every limited measure, at which the parent's bound was best.
    pub(super) prices: Vec<f64>,
    /// Choices whose planes made the parent's bound.
    pub(super) planes: Vec<Vec<usize>>,
}

impl Node {
    /// All choices.
    pub(super) fn root(reduced: &Reduced) -> Self {
        let limits = reduced.capacity.len();
        Self {
            alive: vec![true; reduced.picks.len()],
            free: (0..reduced.groups.len()).collect(),
            chosen: vec![0; reduced.groups.len()],
            value: 0,
            costs: vec![0; limits],
            prices: vec![0.0; limits],
            planes: Vec::new(),
        }
    }

    /// The options left to a group, ascending.
    pub(super) fn left<'a>(&'a self, reduced: &'a Reduced, group: usize) -> impl Iterator<Item = usize> + 'a {
        reduced.groups[group].options.clone().filter(|&option| self.alive[option])
    }

    /// Leaves only `keep` to a group.
    pub(super) fn restrict(&mut self, reduced: &Reduced, group: usize, keep: &[usize]) {
        for option in reduced.groups[group].options.clone() {
            self.alive[option] &= keep.contains(&option);
        }
    }

    /// Takes away what limits, links and twins exclude, and decides groups with one option. False where a group
    /// has none.
    pub(super) fn settle(&mut self, reduced: &Reduced) -> bool {
        loop {
            let before = self.count();
            let possible = self.decide(reduced)
                && self.keep_links(reduced)
                && self.keep_twins(reduced)
                && self.keep_limits(reduced);
            if !possible {
                return false;
            }
            if self.count() == before {
                return true;
            }
        }
    }

    fn count(&self) -> usize {
        self.alive.iter().filter(|&&alive| alive).count()
    }

    fn decide(&mut self, reduced: &Reduced) -> bool {
        let free = std::mem::take(&mut self.free);
        for group in free {
            let mut left = self.left(reduced, group);
            let first = left.next();
            let more = left.next().is_some();
            drop(left);
            match first {
                None => return false,
                Some(_) if more => self.free.push(group),
                Some(option) => {
                    self.chosen[group] = option;
                    self.value += reduced.picks[option].value;
                    for (sum, cost) in self.costs.iter_mut().zip(&reduced.picks[option].costs) {
                        *sum += cost;
                    }
                }
            }
        }
        true
    }

    fn keep_links(&mut self, reduced: &Reduced) -> bool {
        for (at, link) in reduced.links.iter().enumerate() {
            let seen = |group: usize, option: usize| {
                let place = reduced.groups[group].links.iter().position(|&link| link == at);
                place.map_or(0, |place| reduced.picks[option].links[place])
            };
            let common = link.groups.iter().fold(u64::MAX, |common, &group| {
                common & self.left(reduced, group).fold(0, |set, option| set | 1u64 << seen(group, option))
            });
            if common == 0 {
                return false;
            }
            for &group in &link.groups {
                for option in reduced.groups[group].options.clone() {
                    self.alive[option] &= common >> seen(group, option) & 1 == 1;
                }
            }
        }
        true
    }

    /// A later twin takes no smaller option.
    fn keep_twins(&mut self, reduced: &Reduced) -> bool {
        for (later, group) in reduced.groups.iter().enumerate() {
            let Some(earlier) = group.twin else { continue };
            let (early, late) = (reduced.groups[earlier].options.clone(), group.options.clone());
            let Some(least) = early.clone().position(|option| self.alive[option]) else { return false };
            let Some(most) = late.clone().rposition(|option| self.alive[option]) else { return false };
            late.clone().take(least).for_each(|option| self.alive[option] = false);
            early.skip(most + 1).for_each(|option| self.alive[option] = false);
            if self.left(reduced, later).next().is_none() || self.left(reduced, earlier).next().is_none() {
                return false;
            }
        }
        true
    }

    /// Takes away options that no others can make room for; false where even the least of all exceed a limit.
    fn keep_limits(&mut self, reduced: &Reduced) -> bool {
        for (limit, &capacity) in reduced.capacity.iter().enumerate() {
            let cost = |option: usize| reduced.picks[option].costs[limit];
            let least =
                |node: &Self, group: usize| node.left(reduced, group).map(cost).min().unwrap_or(i64::MAX);
            let mut room = capacity - self.costs[limit];
            for &group in &self.free {
                room = room.saturating_sub(least(self, group));
            }
            if room < 0 {
                return false;
            }
            for at in 0..self.free.len() {
                let group = self.free[at];
                let least = least(self, group);
                for option in reduced.groups[group].options.clone() {
                    if self.alive[option] && cost(option) - least > room {
                        self.alive[option] = false;
                    }
                }
            }
        }
        true
    }

    /// Whether every link sees one width.
    pub(super) fn links_settled(&self, reduced: &Reduced) -> bool {
        self.free.iter().all(|&group| {
            let mut seen = self.left(reduced, group).map(|option| &reduced.picks[option].links);
            let first = seen.next();
            seen.all(|bits| Some(bits) == first)
        })
    }

    /// The first choice in order that is left.
    pub(super) fn first(&self, reduced: &Reduced) -> Vec<usize> {
        let mut chosen = self.chosen.clone();
        for &group in &self.free {
            chosen[group] = self.left(reduced, group).next().unwrap_or(chosen[group]);
        }
        chosen
    }

    /// Whether an option of every group keeps all limits.
    pub(super) fn within(reduced: &Reduced, chosen: &[usize]) -> bool {
        let sum = |limit: usize| chosen.iter().map(|&option| reduced.picks[option].costs[limit]).sum::<i64>();
        reduced.capacity.iter().enumerate().all(|(limit, &capacity)| sum(limit) <= capacity)
    }

    /// Whether an option of every group keeps all links.
    pub(super) fn linked(reduced: &Reduced, chosen: &[usize]) -> bool {
        let mut seen = vec![None; reduced.links.len()];
        reduced.groups.iter().zip(chosen).all(|(group, &option)| {
            let bits = group.links.iter().zip(&reduced.picks[option].links);
            bits.into_iter().all(|(&link, &bits)| *seen[link].get_or_insert(bits) == bits)
        })
    }
}
