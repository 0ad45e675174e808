//! Branch and bound over options of groups.
//!
//! Every node takes away what limits exclude ([`Node::settle`]), what the bound at good prices excludes, and what
//! memory excludes; what remains is split.

use std::time::Instant;

use super::arena::Arena;
use super::bound::{Bound, Floats};
use super::node::Node;
use super::reduced::Reduced;
use super::{AssignError, prices, repair};

/// What is left of an effort.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) nodes: u64,
    pub(super) until: Instant,
    /// Patterns that the oracle may have been asked for in all.
    pub(super) calls: usize,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    /// The least value below this.
    Least(i128),
    /// Any value below this.
    Any(i128),
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    /// The best choice seen and its value, one candidate per layer.
    pub(super) best: Option<(i128, Vec<usize>)>,
    /// No choice has a lower value; without choice and end of the search, nothing is known below this.
    pub(super) bound: i128,
    /// Whether it came to its end.
    pub(super) complete: bool,
}

/// How a choice fared.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Verdict {
    /// It is no answer, or not a better one.
    Declined,
    /// Better than all before.
    Taken,
    /// It would be better, but takes too much memory.
    TooLarge,
}

/// One search.
pub(super) struct Search<'r, 'a, 'o> {
    reduced: &'r Reduced,
    floats: Floats,
    arena: Option<&'a mut Arena<'o>>,
    budget: &'a mut Budget,
    any: bool,
    /// Values from here on are of no interest.
    below: i128,
    best: Option<(i128, Vec<usize>)>,
    /// The lowest bound of what was left out for lack of time.
    open: Option<i128>,
}

impl<'r, 'a, 'o> Search<'r, 'a, 'o> {
    /// With an arena asks for the memory of every choice that would be better than all before, and of every pattern
    /// of activation bits that is decided.
    pub(super) fn new(
        reduced: &'r Reduced,
        arena: Option<&'a mut Arena<'o>>,
        budget: &'a mut Budget,
        aim: Aim,
    ) -> Self {
        let (Aim::Least(below) | Aim::Any(below)) = aim;
        Self {
            floats: Floats::new(reduced),
            reduced,
            arena,
            budget,
            any: matches!(aim, Aim::Any(_)),
            below: below.min(reduced.worst + 1),
            best: None,
            open: None,
        }
    }

    pub(super) fn run(mut self) -> Result<Found, AssignError> {
        let mut root = Node::root(self.reduced);
        if root.settle(self.reduced) {
            let mut relaxed = Vec::new();
            let target = self.target();
            prices::improve(self.reduced, &self.floats, &mut root, target, |one| {
                relaxed.push(one.chosen.clone())
            });
            if root.links_settled(self.reduced) {
                relaxed.dedup();
                for chosen in relaxed {
                    self.improve(&root, chosen)?;
                }
            }
            self.explore(root)?;
        }
        let value = self.best.as_ref().map(|(value, _)| *value);
        Ok(Found {
            bound: self.open.into_iter().chain(value).min().unwrap_or(self.below),
            complete: self.open.is_none(),
            best: self.best,
        })
    }

    fn exhausted(&self) -> bool {
        self.budget.nodes == 0
            || self.arena.as_ref().is_some_and(|arena| arena.calls() >= self.budget.calls)
            || Instant::now() >= self.budget.until
    }

    /// Whether there is nothing of interest above a bound. Values are multiples of a unit.
    fn hopeless(&self, bound: i128) -> bool {
        let unit = self.reduced.scale.unit();
        bound.div_euclid(unit) * unit + if bound.rem_euclid(unit) > 0 { unit } else { 0 } >= self.below
    }

    /// The bound beyond which nothing is of interest, in parts of the largest value.
    fn target(&self) -> f64 {
        self.below as f64 / self.reduced.worst.max(1) as f64
    }

    fn explore(&mut self, mut node: Node) -> Result<(), AssignError> {
        self.budget.nodes = self.budget.nodes.saturating_sub(1);
        let reduced = self.reduced;
        if !node.settle(reduced) || !self.memory_allows(&node)? {
            return Ok(());
        }
        // Without prices the cheapest options are the best there are.
        let cheapest = self.cheapest(&node);
        let mut too_large = false;
        if Node::within(reduced, &cheapest) && Node::linked(reduced, &cheapest) {
            match self.offer(cheapest)? {
                Verdict::TooLarge => too_large = true,
                Verdict::Declined | Verdict::Taken => return Ok(()),
            }
        }
        let target = self.target();
        let relaxed = prices::improve(reduced, &self.floats, &mut node, target, |_| ());
        let mut bound = Bound::new(reduced, &node);
        if self.hopeless(bound.value) {
            return Ok(());
        }
        if node.links_settled(reduced) {
            too_large |= self.improve(&node, relaxed.chosen)? == Verdict::TooLarge;
        }
        while self.fix(&mut node, &bound) {
            if !node.settle(reduced) || !self.memory_allows(&node)? {
                return Ok(());
            }
            bound = Bound::new(reduced, &node);
            if self.hopeless(bound.value) {
                return Ok(());
            }
        }
        self.branch(&node, &bound, too_large)
    }

    /// The cheapest option of every group.
    fn cheapest(&self, node: &Node) -> Vec<usize> {
        let mut chosen = node.chosen.clone();
        for &group in &node.free {
            let cheapest =
                node.left(self.reduced, group).min_by_key(|&option| self.reduced.picks[option].value);
            chosen[group] = cheapest.unwrap_or(chosen[group]);
        }
        chosen
    }

    /// Takes away options with which the bound is hopeless.
    fn fix(&self, node: &mut Node, bound: &Bound) -> bool {
        let mut fixed = false;
        for at in 0..node.free.len() {
            for option in self.reduced.groups[node.free[at]].options.clone() {
                if node.alive[option] && self.hopeless(bound.value + bound.regret[option]) {
                    node.alive[option] = false;
                    fixed = true;
                }
            }
        }
        fixed
    }

    /// Whether memory suffices where only one pattern of activation bits is left.
    fn memory_allows(&mut self, node: &Node) -> Result<bool, AssignError> {
        let Some(arena) = self.arena.as_deref_mut() else { return Ok(true) };
        let picks = &self.reduced.picks;
        let first = node.first(self.reduced);
        let decided = node.free.iter().all(|&group| {
            node.left(self.reduced, group)
                .all(|option| picks[option].activations == picks[first[group]].activations)
        });
        Ok(!decided || arena.peak(&self.reduced.activations(&first))? <= arena.limit)
    }

    /// Looks for a good choice near a relaxed one.
    fn improve(&mut self, node: &Node, chosen: Vec<usize>) -> Result<Verdict, AssignError> {
        let Some(chosen) = repair::repair(self.reduced, node, chosen) else { return Ok(Verdict::Declined) };
        let verdict = self.offer(chosen.clone())?;
        if verdict == Verdict::Taken {
            let polished = repair::polish(self.reduced, node, chosen);
            self.offer(polished)?;
        }
        Ok(verdict)
    }

    /// Takes a choice if it keeps everything and is the best so far.
    fn offer(&mut self, chosen: Vec<usize>) -> Result<Verdict, AssignError> {
        let reduced = self.reduced;
        if !Node::within(reduced, &chosen) || !Node::linked(reduced, &chosen) {
            return Ok(Verdict::Declined);
        }
        let value: i128 = chosen.iter().map(|&option| reduced.picks[option].value).sum();
        if value >= self.below {
            return Ok(Verdict::Declined);
        }
        if let Some(arena) = self.arena.as_deref_mut()
            && arena.peak(&reduced.activations(&chosen))? > arena.limit
        {
            return Ok(Verdict::TooLarge);
        }
        self.best = Some((value, reduced.candidates(&chosen)));
        self.below = if self.any { i128::MIN } else { value };
        Ok(Verdict::Taken)
    }

    fn branch(&mut self, node: &Node, bound: &Bound, too_large: bool) -> Result<(), AssignError> {
        let mut parts = self.parts(node, bound, too_large);
        let least = |part: &[usize]| part.iter().map(|&option| bound.regret[option]).min().unwrap_or(0);
        parts.1.sort_by_key(|part| least(part));
        let (group, parts) = parts;
        for part in parts {
            let above = bound.value + least(&part);
            if self.hopeless(above) {
                continue;
            }
            if self.exhausted() {
                self.open = Some(self.open.map_or(above, |open| open.min(above)));
                continue;
            }
            let mut child = node.clone();
            child.restrict(self.reduced, group, &part);
            self.explore(child)?;
        }
        Ok(())
    }

    /// A free group and its options in parts: by the width that others must share, by the pattern of activations
    /// where memory decides, else one by one.
    fn parts(&self, node: &Node, bound: &Bound, too_large: bool) -> (usize, Vec<Vec<usize>>) {
        let reduced = self.reduced;
        let by = |group: usize, key: &dyn Fn(usize) -> Vec<u8>| {
            let mut parts: Vec<Vec<usize>> = Vec::new();
            for option in node.left(reduced, group) {
                match parts.iter_mut().find(|part| key(part[0]) == key(option)) {
                    Some(part) => part.push(option),
                    None => parts.push(vec![option]),
                }
            }
            parts
        };
        for &group in &node.free {
            for place in 0..reduced.groups[group].links.len() {
                let parts = by(group, &|option| vec![reduced.picks[option].links[place]]);
                if parts.len() > 1 {
                    return (group, parts);
                }
            }
        }
        if too_large {
            for &group in &node.free {
                let parts = by(group, &|option| reduced.picks[option].activations.clone());
                if parts.len() > 1 {
                    return (group, parts);
                }
            }
        }
        let group = self.widest(node, bound);
        (group, node.left(reduced, group).map(|option| vec![option]).collect())
    }

    /// The group whose two cheapest options differ most in priced costs. Once the large groups are decided, what is
    /// left is nearly continuous and the bound nearly exact.
    fn widest(&self, node: &Node, bound: &Bound) -> usize {
        let reduced = self.reduced;
        let width = |group: usize| {
            let mut options: Vec<usize> = node.left(reduced, group).collect();
            options.sort_by_key(|&option| bound.regret[option]);
            let apart = |limit: usize| {
                let costs = |place: usize| reduced.picks[options[place]].costs[limit];
                costs(0).abs_diff(costs(1)) as f64 / reduced.largest[limit].max(1) as f64
            };
            node.prices.iter().enumerate().map(|(limit, price)| price * apart(limit)).sum::<f64>()
        };
        let widths = node.free.iter().map(|&group| (width(group), group));
        widths.max_by(|one, other| one.0.total_cmp(&other.0)).map_or(0, |(_, group)| group)
    }
}
