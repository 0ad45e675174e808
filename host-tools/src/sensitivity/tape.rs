//! Some samples taken through the network and back, with what second derivatives need of them, and tangents along
//! any direction of weights and operands (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
//!
//! Notation: `x` values, `g` gradients of the loss by values, `t` tangents of values, `h` tangents of gradients. A
//! layer `y = x * w` with the direction `v` of its weights and `z` of its operand has
//! `t_y = (t_x + z) * w + x * v`, `h_x = h_y *' w + g_y *' v`, where `*'` is the gradient of the operand.

use std::ops::Range;

use super::derivative::Site;
use super::objective::Objective;
use crate::graph::{ExecuteError, Executor, Graph, Node, ValueId};

/// Values or their derivatives, by value; `None` stands for zeros.
pub(super) type Values = Vec<Option<Vec<f32>>>;

/// Where weights and operands move to, by node; only layers with weights have entries.
#[derive(Clone, Debug)]
pub(super) struct Direction<'d> {
    /// Movement of a layer's weights.
    pub weights: Vec<Option<&'d [f32]>>,
    /// Movement of the operand that a layer reads, `[samples, h, w, c]`. Other readers of the same value do not
    /// see it.
    pub operands: Vec<Option<&'d [f32]>>,
}

impl Direction<'_> {
    /// No movement.
    pub(super) fn none(graph: &Graph) -> Self {
        Self { weights: vec![None; graph.nodes.len()], operands: vec![None; graph.nodes.len()] }
    }
}

/// What one layer with weights has to do with a direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved<'m> {
    /// Index of the node.
    pub node: usize,
    /// `h_y`: tangent of the gradient of its result, `[samples, h, w, c]`.
    pub result: &'m [f32],
    /// `x * v`: its operand times the movement of its weights.
    pub pushed: Option<&'m [f32]>,
    /// `t_x`: tangent of its operand, its own movement not counted.
    pub tangent: Option<&'m [f32]>,
    /// `h_x`: tangent of the gradient of its operand as far as it comes through this layer; only for layers whose
    /// operand moves.
    pub operand: Option<&'m [f32]>,
}

/// Values of some samples and gradients of the loss by them.
#[derive(Clone, Debug)]
pub(super) struct Tape<'g> {
    graph: &'g Graph,
    pub samples: Range<usize>,
    /// Samples that the loss is the mean of.
    pub all: usize,
    values: Values,
    gradients: Values,
    /// Sum of the samples' losses.
    pub loss: f64,
}

impl<'g> Tape<'g> {
    /// Takes `samples` of `all` through the network and back; `input` holds these only.
    pub(super) fn record(
        executor: &Executor<'g>,
        graph: &'g Graph,
        objective: &Objective,
        samples: Range<usize>,
        all: usize,
        input: &[f32],
    ) -> Result<Self, ExecuteError> {
        let mut values: Values = vec![None; graph.values.len()];
        executor.run_visiting(input, samples.len(), |id, value| values[id.0] = Some(value.to_vec()))?;
        let outputs = values[graph.output.0].as_deref().unwrap_or_default();
        let loss = objective.loss(samples.clone(), outputs);
        let seed = objective.gradient(samples.clone(), outputs, all);
        let mut tape = Self { graph, samples, all, values, gradients: Vec::new(), loss };
        tape.gradients = tape.backward(seed, |_, _, _| {});
        Ok(tape)
    }

    /// The gradients by all values of a function whose gradient by the output is `seed`. Tells `visit` of every
    /// layer with weights: its node's index, the gradients of its result and of its operand.
    pub(super) fn backward(&self, seed: Vec<f32>, mut visit: impl FnMut(usize, &[f32], &[f32])) -> Values {
        let graph = self.graph;
        let mut gradients: Values = vec![None; graph.values.len()];
        gradients[graph.output.0] = Some(seed);
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            let Some(gradient) = gradients[node.output.0].take() else { continue };
            let site = self.site(node);
            for (operand, id) in node.inputs.iter().enumerate() {
                let pulled = site.pull(operand, &gradient);
                if site.weighted().is_some() {
                    visit(index, &gradient, &pulled);
                }
                accumulate(&mut gradients, *id, pulled);
            }
            gradients[node.output.0] = Some(gradient);
        }
        gradients
    }

    /// The network's outputs, `[samples, values]`.
    pub(super) fn outputs(&self) -> &[f32] {
        self.values[self.graph.output.0].as_deref().unwrap_or_default()
    }

    /// One of the samples at a node.
    pub(super) fn sample(&self, node: &'g Node, sample: usize) -> Site<'_> {
        let mut site = self.site(node);
        site.batch = 1;
        for (shape, data) in &mut site.operands {
            *data = &data[sample * shape.len()..][..shape.len()];
        }
        site
    }

    /// All values, by value.
    pub(super) fn values(&self) -> &[Option<Vec<f32>>] {
        &self.values
    }

    /// A node with its operands' values.
    pub(super) fn site(&self, node: &'g Node) -> Site<'_> {
        let operands = node
            .inputs
            .iter()
            .map(|id| (self.graph.shape(*id), self.values[id.0].as_deref().unwrap_or_default()));
        Site {
            node,
            batch: self.samples.len(),
            operands: operands.collect(),
            output: self.graph.shape(node.output),
        }
    }

    /// Gradient of the loss by the result of a node; `None` where the output does not depend on it.
    pub(super) fn gradient(&self, node: &Node) -> Option<&[f32]> {
        self.gradients[node.output.0].as_deref()
    }

    /// Moves along a direction and tells `visit` of every layer that moves or lies behind one that does, from the
    /// output to the input.
    pub(super) fn derive(&self, objective: &Objective, direction: &Direction, mut visit: impl FnMut(Moved)) {
        let graph = self.graph;
        let mut pushed: Values = vec![None; graph.nodes.len()];
        let tangents = self.tangents(direction, &mut pushed);
        let Some(tangent) = &tangents[graph.output.0] else { return };
        let outputs = self.outputs();
        let mut curves: Values = vec![None; graph.values.len()];
        let values = graph.shape(graph.output).len();
        curves[graph.output.0] = Some(objective.curve(outputs, values, tangent, self.all));
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            let Some(result) = curves[node.output.0].take() else { continue };
            let site = self.site(node);
            let moves = direction.operands[index].is_some();
            for (operand, id) in node.inputs.iter().enumerate() {
                let tangent = tangents[id.0].as_deref();
                if tangent.is_none() && !moves {
                    continue;
                }
                let mut pulled = site.pull(operand, &result);
                self.bend(&site, direction.weights[index], tangent, &mut pulled);
                if site.weighted().is_some() {
                    let operand = moves.then_some(pulled.as_slice());
                    visit(Moved {
                        node: index,
                        result: &result,
                        pushed: pushed[index].as_deref(),
                        tangent,
                        operand,
                    });
                }
                if tangent.is_some() {
                    accumulate(&mut curves, *id, pulled);
                }
            }
            if direction.weights[index].is_some() && !moves && tangents[node.inputs[0].0].is_none() {
                let pushed = pushed[index].as_deref();
                visit(Moved { node: index, result: &result, pushed, tangent: None, operand: None });
            }
        }
    }

    /// Adds what the gradient of an operand changes by because the node's Jacobian does.
    fn bend(&self, site: &Site, weights: Option<&[f32]>, tangent: Option<&[f32]>, pulled: &mut [f32]) {
        let Some(gradient) = self.gradient(site.node) else { return };
        let mut add = |terms: Vec<f32>| pulled.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        if let (Some(layer), Some(weights)) = (site.weighted(), weights) {
            let mut terms = vec![0.0; site.operands[0].1.len()];
            layer.input_gradient(gradient, weights, &mut terms);
            add(terms);
        } else if let Some(terms) = tangent.and_then(|tangent| site.bend(tangent, gradient)) {
            add(terms);
        }
    }

    /// Tangents of all values; keeps the products of operands and moving weights.
    fn tangents(&self, direction: &Direction, pushed: &mut Values) -> Values {
        let graph = self.graph;
        let mut tangents: Values = vec![None; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            let site = self.site(node);
            let moved = direction.operands[index].map(|z| match &tangents[node.inputs[0].0] {
                Some(t) => t.iter().zip(z).map(|(t, z)| t + z).collect(),
                None => z.to_vec(),
            });
            let operands: Vec<Option<&[f32]>> = match &moved {
                Some(moved) => vec![Some(moved)],
                None => node.inputs.iter().map(|id| tangents[id.0].as_deref()).collect(),
            };
            let mut tangent = operands.iter().any(Option::is_some).then(|| site.push(&operands));
            if let (Some(layer), Some(weights)) = (site.weighted(), direction.weights[index]) {
                let mut product = vec![0.0; self.samples.len() * site.output.len()];
                layer.forward(site.operands[0].1, weights, &mut product);
                match &mut tangent {
                    Some(sum) => sum.iter_mut().zip(&product).for_each(|(sum, term)| *sum += term),
                    None => tangent = Some(product.clone()),
                }
                pushed[index] = Some(product);
            }
            tangents[node.output.0] = tangent;
        }
        tangents
    }
}

/// Adds to a value's entry.
fn accumulate(values: &mut Values, id: ValueId, terms: Vec<f32>) {
    match &mut values[id.0] {
        Some(sum) => sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term),
        entry => *entry = Some(terms),
    }
}
