//! Last checks and clean-up of a graph whose nodes are all converted.

use std::collections::{HashMap, HashSet};

use crate::graph::{Op, ValueId};

use super::builder::Builder;
use super::error::{Problem, Rule};

/// Softmax has no integer form inside a network.
pub(super) fn softmax_not_last(b: &Builder) -> Option<Problem> {
    let is_softmax = |op: &Op| matches!(op, Op::Softmax | Op::LogSoftmax);
    let node =
        b.graph.nodes.iter().find(|n| is_softmax(&n.op) && b.graph.consumers(n.output).next().is_some())?;
    Some(Problem::Node {
        node: node.name.clone(),
        op: if matches!(node.op, Op::Softmax) { "Softmax" } else { "LogSoftmax" }.into(),
        rule: Box::new(Rule::Form("the operator is supported only at the end of the network".into())),
        remedy: "end the network at the Softmax, or train without it (no attention)".into(),
    })
}

/// Drops nodes that merging has left without a reader, and tensors without a writer.
pub(super) fn compact(b: &mut Builder) {
    let graph = &mut b.graph;
    let mut used: HashSet<_> = HashSet::from([graph.input, graph.output]);
    for node in graph.nodes.iter().rev() {
        if used.contains(&node.output) {
            used.extend(node.inputs.iter().copied());
        }
    }
    graph.nodes.retain(|n| used.contains(&n.output));
    let mut moved = HashMap::new();
    let values = std::mem::take(&mut graph.values);
    for (i, value) in values.into_iter().enumerate() {
        let old = ValueId(i);
        if used.contains(&old) {
            moved.insert(old, graph.add_value(value.name, value.shape));
        }
    }
    let at = |id: &mut ValueId| *id = moved.get(id).copied().unwrap_or(*id);
    at(&mut graph.input);
    at(&mut graph.output);
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(at);
        at(&mut node.output);
    }
}
