//! The network whose bits are to be chosen: plans from widths, and what a plan really takes.

use kernels::{Dtype, WeightBits};
use runtime::format::Layout;

use super::{BudgetError, Limits};
use crate::assign::Bits;
use crate::file::Parts;
use crate::latency::{LatencyTable, Work};
use crate::lower::{self, BitPlan, LayerBits, Lowered, Recipe};
use crate::quantize::Prepared;

/// A prepared network with ranges for every width it may take.
#[derive(Clone, Copy, Debug)]
pub struct Network<'n> {
    /// The network.
    pub prepared: &'n Prepared,
    /// Ranges on the grids of all plans; its own plan gives the widths that are not chosen.
    pub recipe: &'n Recipe,
    /// How weights are packed for the board.
    pub layout: Layout,
    /// Times of the board's steps, where they were measured.
    pub table: Option<&'n LatencyTable>,
}

/// What a plan takes.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub lowered: Lowered,
    /// The file without golden vectors and META.
    pub file_bytes: u64,
    /// Packed weights.
    pub weight_bytes: u64,
    /// Weight bits times activation bits times multiply-accumulates (HAWQ-V3, section 3.4).
    pub bops: u64,
    /// Estimated cycles of every step.
    pub step_cycles: Vec<Option<u64>>,
}

impl Taken {
    /// Estimated cycles of an inference; `None` where a step is unlike all that were measured.
    pub(super) fn cycles(&self) -> Option<u64> {
        self.step_cycles.iter().copied().sum()
    }

    /// Packed bytes and estimated cycles of every layer with weights.
    pub(super) fn layers(&self) -> impl Iterator<Item = (u64, Option<u64>)> {
        let steps = self.lowered.network.infos.iter().zip(&self.step_cycles);
        let weighted = steps.filter(|(info, _)| info.weight_bits > 0);
        weighted.map(|(info, cycles)| (info.weight_bytes as u64, *cycles))
    }

    /// Estimated cycles of an inference.
    ///
    /// # Errors
    /// Where there is no estimate, why.
    pub(super) fn estimated(&self, limits: &Limits) -> Result<u64, BudgetError> {
        self.cycles().ok_or_else(|| {
            let mut steps = self.lowered.network.infos.iter().zip(&self.step_cycles);
            let unknown = steps.find(|(_, cycles)| cycles.is_none());
            limits.no_estimate(unknown.map_or("", |(info, _)| info.name.as_str()))
        })
    }

    pub(super) fn arena_bytes(&self) -> u64 {
        self.lowered.interface.arena_bytes.into()
    }
}

impl Network<'_> {
    /// The plan of these widths.
    pub fn plan(&self, bits: &[Bits]) -> BitPlan {
        let layer = |bits: &Bits| LayerBits {
            weights: match bits.weights {
                2 => WeightBits::W2,
                4 => WeightBits::W4,
                _ => WeightBits::W8,
            },
            activations: if bits.activations == 4 { Dtype::U4 } else { Dtype::I8 },
        };
        BitPlan { layers: bits.iter().map(layer).collect(), ..self.recipe.bits.clone() }
    }

    pub(super) fn lower(&self, bits: &[Bits]) -> Result<Lowered, BudgetError> {
        let recipe = Recipe { bits: self.plan(bits), ..self.recipe.clone() };
        Ok(lower::lower(&self.prepared.graph, &self.prepared.layers, &recipe)?.packed(self.layout))
    }

    pub(super) fn take(&self, bits: &[Bits]) -> Result<Taken, BudgetError> {
        let lowered = self.lower(bits)?;
        let network = &lowered.network;
        let file_bytes = Parts::bare(&lowered).encode()?.len() as u64;
        let weighted = network.infos.iter().filter(|info| info.weight_bits > 0);
        let bops = weighted.zip(bits).map(|(info, bits)| bops(info.macs, *bits)).sum();
        let weight_bytes = network.infos.iter().map(|info| info.weight_bytes as u64).sum();
        let estimate = |step| self.table.and_then(|table| table.estimate(&Work::of(step)));
        let step_cycles = network.steps.iter().map(estimate).collect();
        Ok(Taken { lowered, file_bytes, weight_bytes, bops, step_cycles })
    }
}

pub(super) fn bops(macs: u64, bits: Bits) -> u64 {
    macs * u64::from(bits.weights) * u64::from(bits.activations)
}
