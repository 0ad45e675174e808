//! What every layer costs in every width, read from lowered networks.

use std::collections::{BTreeMap, BTreeSet};

use super::network::{Taken, bops};
use super::{BudgetError, Limits, Network, Ranking};
use crate::assign::{Bits, Candidate, Layer, Measure, Operand, Problem, Tie};
use crate::job::{LayerWidths, Quantize};
use crate::lower::Layers;
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
    let widths = network.prepared.widths(quantize)?;
    let ties = shared_operands(&network.prepared.layers, &widths);
    let choices: Vec<Vec<Bits>> = widths.iter().map(pairs).collect();
    let widest: Vec<Bits> = choices.iter().filter_map(|bits| bits.first().copied()).collect();
    let base = network.take(&widest)?;
    let constant = base.file_bytes - base.weight_bytes + beside;
    // A layer's bytes and cycles depend on its own widths alone: one network for each pair prices all layers.
    let mut prices = BTreeMap::new();
    let mut others = other_cycles(&base);
    for bits in choices.iter().flatten().copied().collect::<BTreeSet<_>>() {
        let all =
            choices.iter().map(|own| if own.contains(&bits) { Some(bits) } else { own.first().copied() });
        let taken = network.take(&all.flatten().collect::<Vec<_>>())?;
        if limits.cycles.is_some() {
            taken.estimated(limits)?;
        }
        others = others.min(other_cycles(&taken));
        prices.insert(bits, taken.layers().collect::<Vec<_>>());
    }
    let macs: Vec<u64> =
        base.lowered.network.infos.iter().filter(|i| i.weight_bits > 0).map(|i| i.macs).collect();
    let priced = sensitivities.layers.iter().enumerate().map(|(index, layer)| {
        let candidate = |&bits: &Bits| {
            let all = prices.get(&bits);
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
    Ok(Problem { measures, layers: priced.collect(), ties })
}

/// Cycles of steps without weights, as far as they are known.
fn other_cycles(taken: &Taken) -> u64 {
    let steps = taken.lowered.network.infos.iter().zip(&taken.step_cycles);
    steps.filter(|(info, _)| info.weight_bits == 0).filter_map(|(_, cycles)| *cycles).sum()
}

/// Pairs of widths that a layer may take, the widest first.
fn pairs(widths: &LayerWidths) -> Vec<Bits> {
    let LayerWidths { weights, activations } = widths;
    let with = |&weights| activations.all().iter().map(move |&activations| Bits { weights, activations });
    weights.all().iter().flat_map(with).collect()
}

/// Layers that read values of one scale, of one tensor or of what pooling and crops made of it, read them in one width
/// where they have a choice: a second width would be a copy.
fn shared_operands(layers: &Layers, widths: &[LayerWidths]) -> Vec<Tie> {
    let weighted = layers.layers.iter().filter(|layer| layer.has_weights());
    let mut by_scale = BTreeMap::<_, Vec<usize>>::new();
    for (index, (layer, widths)) in weighted.zip(widths).enumerate() {
        if widths.activations.is_choice() {
            by_scale.entry(layers.root(layer.inputs[0])).or_default().push(index);
        }
    }
    let shared = by_scale.into_values().filter(|layers| layers.len() > 1);
    shared.map(|layers| Tie { operand: Operand::Activations, layers }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Operand, Tie, shared_operands};
    use crate::graph::{Dense, Graph, Node, Op, Padding, Pool, PoolKind, Shape, ValueId};
    use crate::job::{LayerWidths, Widths};
    use crate::lower::Layers;

    /// A chain of dense layers of 4 by 4 by 1, the second and third of which read the first one's result: the third
    /// through a pool of this kind.
    fn layers(kind: PoolKind) -> Layers {
        let (shape, input) = (Shape::new(4, 4, 1), ValueId(0));
        let mut graph = Graph { name: "n".into(), values: vec![], nodes: vec![], input, output: input };
        graph.add_value("x", shape);
        let mut node = |op: Op, read: ValueId, shape: Shape| {
            let name = format!("v{}", graph.values.len());
            let output = graph.add_value(name.clone(), shape);
            graph.nodes.push(Node { name, op, inputs: vec![read], output });
            graph.output = output;
            output
        };
        let dense = |inputs| {
            Op::Dense(Dense { weight: vec![1.0; 16 * inputs], bias: vec![0.0; 16], outputs: 16, inputs })
        };
        let first = node(dense(16), input, shape);
        let second = node(dense(16), first, shape);
        let pool = Pool { kind, kernel: [2, 2], stride: [2, 2], padding: Padding::default() };
        let pooled = node(Op::Pool(pool), first, Shape::new(2, 2, 1));
        let third = node(dense(4), pooled, shape);
        let sum = graph.add_value("sum", shape);
        graph.nodes.push(Node { name: "sum".into(), op: Op::Add, inputs: vec![second, third], output: sum });
        graph.output = sum;
        Layers::of(&graph)
    }

    #[test]
    fn one_scale_is_read_in_one_width() {
        let free = LayerWidths {
            weights: Widths::one(8),
            activations: Widths::new(vec![8, 4]).expect("two widths"),
        };
        let fixed = LayerWidths { activations: Widths::one(8), ..free.clone() };
        let ties =
            |kind, widths: [&LayerWidths; 3]| shared_operands(&layers(kind), &widths.map(Clone::clone));
        let tie = Tie { operand: Operand::Activations, layers: vec![1, 2] };
        assert_eq!(ties(PoolKind::Max, [&fixed, &free, &free]), [tie]);
        // An average has a scale of its own; a layer without a choice is asked nothing.
        assert_eq!(ties(PoolKind::Average { count_padding: false }, [&fixed, &free, &free]), []);
        assert_eq!(ties(PoolKind::Max, [&fixed, &free, &fixed]), []);
    }
}
