//! The bits of a job: one scheme for all layers, or chosen within its limits.

use kernels::{Dtype, WeightBits};
use runtime::format::Layout;

use super::build::beside;
use std::collections::BTreeSet;

use super::{Hooks, Prepared, QuantizeError, Started, layout};
use crate::budget::{self, Chosen, Control, Limits, Network};
use crate::data::Dataset;
use crate::file::Parts;
use crate::integer::{self, AlignedBytes};
use crate::job::{Job, JobError, LayerWidths, Quantize};
use crate::lower::{self, BitPlan, LayerBits, Lowered, Recipe};
use crate::report::Arm;
use crate::sensitivity::{self, Sensitivities};

impl Prepared {
    /// Widths that every layer with weights may take.
    ///
    /// # Errors
    /// [`JobError`] when the job has a rule for a layer that is not there.
    pub fn widths(&self, quantize: &Quantize) -> Result<Vec<LayerWidths>, JobError> {
        let layers = self.layers.layers.iter().filter(|layer| layer.has_weights());
        let names: Vec<&str> = layers.map(|layer| layer.name.as_str()).collect();
        quantize.widths(&names)
    }

    /// The widest bits that every layer may take; the only ones where the job leaves no choice.
    ///
    /// # Errors
    /// [`QuantizeError::Bits`] when a width is not supported, [`QuantizeError::Job`] as [`Prepared::widths`].
    pub fn widest_bits(&self, quantize: &Quantize) -> Result<BitPlan, QuantizeError> {
        self.plan(quantize, &self.widths(quantize)?, None)
    }

    /// Plans that together store every value in every way that a choice of bits may.
    ///
    /// # Errors
    /// As [`Prepared::widest_bits`].
    pub fn plans(&self, quantize: &Quantize) -> Result<Vec<BitPlan>, QuantizeError> {
        let widths = self.widths(quantize)?;
        let every: BTreeSet<u8> =
            widths.iter().flat_map(|widths| widths.activations.all()).copied().collect();
        every.into_iter().map(|bits| self.plan(quantize, &widths, Some(bits))).collect()
    }

    /// The widest bits, with the preferred activations where a layer may take them.
    fn plan(
        &self,
        quantize: &Quantize,
        widths: &[LayerWidths],
        preferred: Option<u8>,
    ) -> Result<BitPlan, QuantizeError> {
        let layer = |widths: &LayerWidths| {
            let activations = preferred.filter(|bits| widths.activations.all().contains(bits));
            Ok(LayerBits {
                weights: weight_bits(widths.weights.widest())?,
                activations: activation(activations.unwrap_or_else(|| widths.activations.widest()))?,
            })
        };
        let layers = widths.iter().map(layer).collect::<Result<_, QuantizeError>>()?;
        Ok(BitPlan { layers, residual: activation(quantize.residual)?, output: Dtype::I16 })
    }
}

fn weight_bits(bits: u8) -> Result<WeightBits, QuantizeError> {
    match bits {
        2 => Ok(WeightBits::W2),
        4 => Ok(WeightBits::W4),
        8 => Ok(WeightBits::W8),
        bits => Err(QuantizeError::Bits { bits }),
    }
}

fn activation(bits: u8) -> Result<Dtype, QuantizeError> {
    match bits {
        4 => Ok(Dtype::U4),
        8 => Ok(Dtype::I8),
        16 => Ok(Dtype::I16),
        bits => Err(QuantizeError::Bits { bits }),
    }
}

/// A choice of bits with what it rests on.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What was chosen.
    pub chosen: Chosen,
    /// What was measured for it.
    pub sensitivities: Sensitivities,
}

/// Measures sensitivities and chooses the bits of a job.
///
/// # Errors
/// See [`QuantizeError`].
pub fn choose_bits(job: &Job, started: &Started, hooks: &mut Hooks) -> Result<Choice, QuantizeError> {
    choose_within(job, started, None, hooks)
}

/// The same with the estimate of cycles held to less than the job's limit, where counts were seen to be above it.
pub(super) fn choose_within(
    job: &Job,
    started: &Started,
    held: Option<u64>,
    hooks: &mut Hooks,
) -> Result<Choice, QuantizeError> {
    let Started { prepared, calibration, test, float, recipe } = started;
    let options = job.sensitivity.with_eigenvalues(job.assign.ranking.needs_eigenvalues());
    (hooks.say)("measuring sensitivities");
    let silent = sensitivity::Hooks { tell: &|_| (), stop: hooks.stop };
    let sensitivities = sensitivity::sensitivities(job, options, silent)?;
    (hooks.say)("choosing bits");
    let lowered = lower::lower(&prepared.graph, &prepared.layers, recipe)?;
    let beside = beside(job, &lowered, calibration, test, float)?;
    let limits = Limits { held_cycles: held, ..Limits::of(&job.target)? };
    let table = limits.table.clone();
    let network = Network { prepared, recipe, layout: layout(job)?, table: table.as_deref() };
    let chosen = budget::choose(network, job, limits, &sensitivities, beside)?;
    Ok(Choice { chosen, sensitivities })
}

/// What the controls reach without training.
///
/// # Errors
/// Those of lowering and of the integer executor.
pub fn score_controls(
    prepared: &Prepared,
    recipe: &Recipe,
    layout: Layout,
    controls: &[Control],
    test: &Dataset,
) -> Result<Vec<Arm>, QuantizeError> {
    let network = Network { prepared, recipe, layout, table: None };
    let score = |control: &Control| {
        let recipe = Recipe { bits: network.plan(&control.bits), ..recipe.clone() };
        let lowered = lower::lower(&prepared.graph, &prepared.layers, &recipe)?;
        let file = AlignedBytes::copy(&Parts::bare(&lowered).encode()?);
        let model = runtime::Model::load(file.as_slice())?;
        let accuracy = integer::evaluate(&model, test, |_| {})?.accuracy();
        Ok(arm(control, &lowered.packed(layout), accuracy))
    };
    controls.iter().map(score).collect()
}

fn arm(control: &Control, lowered: &Lowered, accuracy: f64) -> Arm {
    Arm {
        name: control.name.clone(),
        omega: Some(control.objective),
        weight_bytes: lowered.network.infos.iter().map(|info| info.weight_bytes as u64).sum(),
        arena_bytes: lowered.interface.arena_bytes.into(),
        cycles: control.cycles,
        post_training_accuracy: Some(accuracy),
        accuracy: None,
    }
}
