//! Which candidates fixed widths, least widths and ties leave to every layer.

use super::merge::Part;
use super::{AssignError, Bits, Layer, Operand, Problem};

/// Candidates left to every layer, and the layers that must agree.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    /// Indices into [`Layer::candidates`], ascending, at least one per layer.
    pub(super) candidates: Vec<Vec<usize>>,
    /// For every layer the first of the layers with the same weight bits.
    pub(super) weights: Vec<usize>,
    /// For every layer the first of the layers with the same activation bits.
    pub(super) activations: Vec<usize>,
}

impl Allowed {
    pub(super) fn new(problem: &Problem) -> Result<Self, AssignError> {
        problem.validate()?;
        let mut candidates = Vec::with_capacity(problem.layers.len());
        for layer in &problem.layers {
            let left: Vec<usize> =
                (0..layer.candidates.len()).filter(|&at| permits(layer, layer.candidates[at].bits)).collect();
            if left.is_empty() {
                return Err(AssignError::NoCandidate { layer: layer.name.clone() });
            }
            candidates.push(left);
        }
        let [weights, activations] =
            [Operand::Weights, Operand::Activations].map(|operand| classes(problem, operand));
        let mut allowed = Self { candidates, weights, activations };
        allowed.settle(problem)?;
        Ok(allowed)
    }

    /// The same with some candidates of one layer alone; `None` where ties leave nothing then.
    pub(super) fn with(&self, problem: &Problem, layer: usize, keep: impl Fn(usize) -> bool) -> Option<Self> {
        let mut allowed = self.clone();
        allowed.candidates[layer].retain(|&at| keep(at));
        let left = !allowed.candidates[layer].is_empty() && allowed.settle(problem).is_ok();
        left.then_some(allowed)
    }

    fn settle(&mut self, problem: &Problem) -> Result<(), AssignError> {
        while self.narrow(problem, Operand::Weights)? | self.narrow(problem, Operand::Activations)? {}
        Ok(())
    }

    pub(super) fn class(&self, operand: Operand) -> &[usize] {
        match operand {
            Operand::Weights => &self.weights,
            Operand::Activations => &self.activations,
        }
    }

    /// Leaves to tied layers the widths that they all have; whether that took anything away.
    fn narrow(&mut self, problem: &Problem, operand: Operand) -> Result<bool, AssignError> {
        let width = |layer: usize, at: usize| operand.of(problem.layers[layer].candidates[at].bits);
        let class = self.class(operand).to_vec();
        let mut common = vec![u64::MAX; class.len()];
        for (layer, left) in self.candidates.iter().enumerate() {
            common[class[layer]] &= left.iter().fold(0, |set, &at| set | 1 << width(layer, at));
        }
        let mut narrowed = false;
        for (layer, left) in self.candidates.iter_mut().enumerate() {
            let before = left.len();
            left.retain(|&at| common[class[layer]] >> width(layer, at) & 1 == 1);
            narrowed |= left.len() < before;
            if left.is_empty() {
                let tied = (0..class.len()).filter(|&other| class[other] == class[layer]);
                let layers = tied.map(|layer| problem.layers[layer].name.clone()).collect();
                return Err(AssignError::NoCommonBits { operand, layers });
            }
        }
        Ok(narrowed)
    }

    /// The widths that the activations of every layer can have, ascending.
    pub(super) fn activation_widths(&self, problem: &Problem) -> Vec<Vec<u8>> {
        let each = self.candidates.iter().enumerate().map(|(layer, left)| {
            let bits = left.iter().map(|&at| problem.layers[layer].candidates[at].bits.activations);
            let mut widths: Vec<u8> = bits.collect();
            widths.sort_unstable();
            widths.dedup();
            widths
        });
        each.collect()
    }

    /// Whether a complete choice keeps all ties.
    pub(super) fn agrees(&self, problem: &Problem, candidates: &[usize]) -> bool {
        let bits = |layer: usize| problem.layers[layer].candidates[candidates[layer]].bits;
        (0..candidates.len()).all(|layer| {
            bits(layer).weights == bits(self.weights[layer]).weights
                && bits(layer).activations == bits(self.activations[layer]).activations
        })
    }

    /// The candidates of a part's layers that come closest to some widths and keep all ties: first of those that
    /// are nowhere narrower the narrowest, else the widest.
    pub(super) fn nearest(&self, problem: &Problem, part: &Part, bits: Bits) -> Vec<usize> {
        let far = |candidates: &[usize]| {
            let each = part.layers.iter().zip(candidates).map(|(&layer, &at)| {
                let own = problem.layers[layer].candidates[at].bits;
                let lacking = bits.weights.saturating_sub(own.weights)
                    + bits.activations.saturating_sub(own.activations);
                let beyond = own.weights.saturating_sub(bits.weights)
                    + own.activations.saturating_sub(bits.activations);
                (usize::from(lacking), usize::from(beyond))
            });
            each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        };
        part.choices.iter().min_by_key(|candidates| far(candidates)).cloned().unwrap_or_default()
    }
}

impl Operand {
    pub(super) fn of(self, bits: Bits) -> u8 {
        match self {
            Self::Weights => bits.weights,
            Self::Activations => bits.activations,
        }
    }
}

fn permits(layer: &Layer, bits: Bits) -> bool {
    bits.weights >= layer.minimum.weights
        && bits.activations >= layer.minimum.activations
        && layer.fixed_weights.is_none_or(|fixed| fixed == bits.weights)
        && layer.fixed_activations.is_none_or(|fixed| fixed == bits.activations)
}

/// For every layer the first layer that it is tied to, over any number of ties.
fn classes(problem: &Problem, operand: Operand) -> Vec<usize> {
    let mut class: Vec<usize> = (0..problem.layers.len()).collect();
    for tie in problem.ties.iter().filter(|tie| tie.operand == operand) {
        let Some(first) = tie.layers.iter().map(|&layer| class[layer]).min() else { continue };
        let joined: Vec<usize> = tie.layers.iter().map(|&layer| class[layer]).collect();
        class.iter_mut().filter(|class| joined.contains(class)).for_each(|class| *class = first);
    }
    class
}
