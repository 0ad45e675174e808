//! What every layer costs in every width, read from lowered networks of uniform widths.

use std::collections::BTreeMap;

use super::network::bops;
use super::{BudgetError, Network, Ranking};
use crate::assign::{Bits, Candidate, Layer, Measure, Operand, Problem, Tie};
use crate::job::{Quantize, Target};
use crate::sensitivity::Sensitivities;

/// Index of the model file's bytes among the measures.
pub(super) const FLASH: usize = 0;

/// The question of a job. `beside`: bytes of the file that do not depend on the widths, golden vectors and META.
pub(super) fn problem(
    network: Network,
    quantize: &Quantize,
    target: &Target,
    sensitivities: &Sensitivities,
    ranking: Ranking,
    beside: u64,
) -> Result<Problem, BudgetError> {
    let choices = choices(quantize, sensitivities.layers.len());
    let widest: Vec<Bits> = choices.iter().filter_map(|bits| bits.first().copied()).collect();
    let base = network.take(&widest)?;
    let constant = base.file_bytes - base.weight_bytes + beside;
    // Packed bytes depend on the layer's own weights alone: one uniform network for each width prices all layers.
    let mut inner = BTreeMap::new();
    for &weights in quantize.weights.all() {
        let narrow: Vec<Bits> = widest.iter().map(|bits| Bits { weights, ..*bits }).collect();
        inner.insert(weights, bytes(&network.lower(&narrow)?));
    }
    let outer = bytes(&base.lowered);
    let macs: Vec<u64> =
        base.lowered.network.infos.iter().filter(|i| i.weight_bits > 0).map(|i| i.macs).collect();
    let is_outer = |index: usize| index == 0 || index + 1 == sensitivities.layers.len();
    let layers = sensitivities.layers.iter().enumerate().map(|(index, layer)| {
        let candidate = |&bits: &Bits| {
            let all = if is_outer(index) { Some(&outer) } else { inner.get(&bits.weights) };
            let bytes = all.and_then(|bytes| bytes.get(index)).copied().unwrap_or(0);
            let operations = macs.get(index).map_or(0, |&macs| bops(macs, bits));
            Candidate { bits, objective: ranking.objective(layer, bits), costs: vec![bytes, operations] }
        };
        Layer::free(layer.name.clone(), choices[index].iter().map(candidate).collect())
    });
    Ok(Problem {
        measures: vec![
            Measure { name: "flash".into(), constant, limit: target.flash.map(|bytes| bytes.0) },
            Measure { name: "bit operations".into(), constant: 0, limit: target.bops.map(|count| count.0) },
        ],
        layers: layers.collect(),
        ties: shared_operands(network),
    })
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

/// Packed bytes of every layer with weights.
fn bytes(lowered: &crate::lower::Lowered) -> Vec<u64> {
    let weighted = lowered.network.infos.iter().filter(|info| info.weight_bits > 0);
    weighted.map(|info| info.weight_bytes as u64).collect()
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
