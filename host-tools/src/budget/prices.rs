//! What every layer costs in every width, read from lowered networks.

use std::collections::BTreeMap;

use super::network::{Taken, bops};
use super::{BudgetError, Limits, Network, Ranking};
use crate::assign::{Bits, Candidate, Layer, Measure, Operand, Problem, Tie};
use crate::job::Quantize;
use crate::sensitivity::Sensitivities;

/// Index of the model file's bytes among the measures.
pub(super) const FLASH: usize = 0;

/// Index of the bit operations.
pub(super) const BOPS: usize = 1;
/// Index of the cycles.
pub(super) const CYCLES: usize = 2;

/// The question of a job. `beside`: bytes of the file that do not depend on the widths, golden vectors and META.
pub(super) fn problem(
    network: Network,
    quantize: &Quantize,
    limits: &Limits,
    sensitivities: &Sensitivities,
    ranking: Ranking,
    beside: u64,
) -> Result<Problem, BudgetError> {
    let choices = choices(quantize, sensitivities.layers.len());
    let widest: Vec<Bits> = choices.iter().filter_map(|bits| bits.first().copied()).collect();
    let base = network.take(&widest)?;
    let constant = base.file_bytes - base.weight_bytes + beside;
    // A layer's bytes and cycles depend on its own widths alone: one network for each pair prices all layers.
    let mut prices = BTreeMap::new();
    let mut others = other_cycles(&base);
    for &bits in choices.get(1).into_iter().flatten() {
        let all =
            choices.iter().map(|own| if own.contains(&bits) { Some(bits) } else { own.first().copied() });
        let taken = network.take(&all.flatten().collect::<Vec<_>>())?;
        if limits.cycles.is_some() {
            taken.estimated(limits)?;
        }
        others = others.min(other_cycles(&taken));
        prices.insert(bits, taken.layers().collect::<Vec<_>>());
    }
    let outer: Vec<_> = base.layers().collect();
    let macs: Vec<u64> =
        base.lowered.network.infos.iter().filter(|i| i.weight_bits > 0).map(|i| i.macs).collect();
    let layers = sensitivities.layers.iter().enumerate().map(|(index, layer)| {
        let candidate = |&bits: &Bits| {
            let all = if choices[index].len() > 1 { prices.get(&bits) } else { Some(&outer) };
            let (bytes, cycles) = all.and_then(|prices| prices.get(index)).copied().unwrap_or_default();
            let operations = macs.get(index).map_or(0, |&macs| bops(macs, bits));
            let costs = vec![bytes, operations, cycles.unwrap_or(0)];
            Candidate { bits, objective: ranking.objective(layer, bits), costs }
        };
        Layer::free(layer.name.clone(), choices[index].iter().map(candidate).collect())
    });
    let measure = |name: &str, constant, limit| Measure { name: name.into(), constant, limit };
    let mut measures = vec![measure("flash", constant, limits.flash)];
    measures.insert(BOPS, measure("bit operations", 0, limits.bops));
    let clock = format!("cycles at {} MHz", f64::from(limits.device.clock_hz()) / 1e6);
    measures.insert(CYCLES, measure(&clock, others, limits.estimated_cycles()));
    Ok(Problem { measures, layers: layers.collect(), ties: shared_operands(network) })
}

/// Cycles of steps without weights, as far as they are known.
fn other_cycles(taken: &Taken) -> u64 {
    let steps = taken.lowered.network.infos.iter().zip(&taken.step_cycles);
    steps.filter(|(info, _)| info.weight_bits == 0).filter_map(|(_, cycles)| *cycles).sum()
}

/// Widths that each layer may take, the widest first; the first and the last layer are not chosen.
fn choices(quantize: &Quantize, layers: usize) -> Vec<Vec<Bits>> {
    let inner: Vec<Bits> = quantize
        .weights
        .all()
        .iter()
        .flat_map(|&weights| {
            quantize.activations.all().iter().map(move |&activations| Bits { weights, activations })
        })
        .collect();
    let activations = if quantize.first_last == 8 { 8 } else { quantize.activations.widest() };
    let outer = vec![Bits { weights: quantize.first_last, activations }];
    (0..layers).map(|i| if i == 0 || i + 1 == layers { outer.clone() } else { inner.clone() }).collect()
}

/// Inner layers that read one tensor read it in one width: a second width would be a copy.
fn shared_operands(network: Network) -> Vec<Tie> {
    let layers = &network.prepared.layers;
    let weighted: Vec<_> = layers.layers.iter().filter(|layer| layer.has_weights()).collect();
    let mut by_operand = BTreeMap::<_, Vec<usize>>::new();
    for (index, layer) in weighted.iter().enumerate().take(weighted.len().saturating_sub(1)).skip(1) {
        by_operand.entry(layers.storage(layer.inputs[0])).or_default().push(index);
    }
    let shared = by_operand.into_values().filter(|layers| layers.len() > 1);
    shared.map(|layers| Tie { operand: Operand::Activations, layers }).collect()
}
