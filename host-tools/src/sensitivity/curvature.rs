//! Loss, gradient and exact Hessian-vector products of a network over a set of samples.
//!
//! Samples are taken in chunks of fixed size and sums over chunks in a fixed tree: results are the same bits with
//! any number of threads.

use std::ops::Range;

use super::SensitivityError;
use super::derivative::Weighted;
use super::objective::Objective;
use super::tape::{Direction, Tape};
use crate::graph::{Executor, Graph, Node, Op};

/// Samples that one thread takes through the network at once.
const CHUNK: usize = 8;

/// A network, a loss and samples.
#[derive(Clone, Debug)]
pub struct Curvature<'g> {
    pub(super) graph: &'g Graph,
    pub(super) executor: Executor<'g>,
    pub(super) input: Vec<f32>,
    pub(super) objective: Objective,
    samples: usize,
    /// Nodes with weights.
    pub(super) layers: Vec<usize>,
}

impl<'g> Curvature<'g> {
    /// A loss that is the mean over all samples of `input`, `[n, h, w, c]`.
    ///
    /// # Errors
    /// Where lengths or labels do not fit the network.
    pub fn new(graph: &'g Graph, input: Vec<f32>, objective: Objective) -> Result<Self, SensitivityError> {
        let (len, outputs) = (graph.shape(graph.input).len(), graph.shape(graph.output).len());
        let samples = input.len() / len.max(1);
        let (what, found, expected) = match &objective {
            Objective::CrossEntropy(labels) => ("labels", labels.len(), samples),
            Objective::SquaredError(targets) => ("target values", targets.len(), samples * outputs),
        };
        if found != expected || samples == 0 || input.len() != samples * len {
            return Err(SensitivityError::Targets { samples, what, found, expected });
        }
        if let Objective::CrossEntropy(labels) = &objective
            && let Some(sample) = labels.iter().position(|label| *label as usize >= outputs)
        {
            return Err(SensitivityError::Label { sample, label: labels[sample], outputs });
        }
        let layers =
            (0..graph.nodes.len()).filter(|&i| weight(&graph.nodes[i]).is_some()).collect::<Vec<_>>();
        if layers.is_empty() {
            return Err(SensitivityError::NoLayers { network: graph.name.clone() });
        }
        Ok(Self { graph, executor: Executor::new(graph), input, objective, samples, layers })
    }

    /// Samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The layers with weights, in execution order.
    pub fn layers(&self) -> impl Iterator<Item = &'g Node> + '_ {
        self.layers.iter().map(|&index| &self.graph.nodes[index])
    }

    /// Numbers of weights of the layers.
    pub fn weights(&self) -> Vec<usize> {
        self.layers().map(|node| weight(node).unwrap_or_default().len()).collect()
    }

    /// The loss: a mean over all samples.
    ///
    /// # Errors
    /// [`SensitivityError::NotFinite`].
    pub fn loss(&self) -> Result<f64, SensitivityError> {
        // Few enough that memory stays small, many enough for all threads.
        const BATCH: usize = 64;
        let len = self.graph.shape(self.graph.input).len();
        let mut sum = 0.0;
        for (batch, input) in self.input.chunks(BATCH * len).enumerate() {
            let samples = batch * BATCH..batch * BATCH + input.len() / len;
            let outputs = self.executor.run(input, samples.len())?;
            sum += self.objective.loss(samples, &outputs);
        }
        let loss = sum / self.samples as f64;
        if loss.is_finite() { Ok(loss) } else { Err(SensitivityError::NotFinite) }
    }

    /// The loss and its gradient by the weights of every layer.
    ///
    /// # Errors
    /// [`SensitivityError::NotFinite`].
    pub fn gradient(&self) -> Result<(f64, Vec<Vec<f32>>), SensitivityError> {
        let weights = self.weights();
        let len = weights.iter().sum::<usize>() + 1;
        let mut sums = self.sum(len, &|chunk, sums| {
            let tape = self.tape(chunk)?;
            let mut rest = &mut *sums;
            for (node, &count) in self.layers().zip(&weights) {
                let (own, others) = rest.split_at_mut(count);
                if let Some(gradient) = tape.gradient(node) {
                    let site = tape.site(node);
                    add_gradient(site.weighted(), site.operands[0].1, gradient, own);
                }
                rest = others;
            }
            rest[0] += tape.loss;
            Ok(())
        })?;
        let loss = sums.pop().unwrap_or_default() / self.samples as f64;
        if !loss.is_finite() {
            return Err(SensitivityError::NotFinite);
        }
        Ok((loss, split(&sums, &weights)))
    }

    /// The Hessian of the loss by the weights of all layers times a vector. `vector` and result have one entry per
    /// layer.
    ///
    /// # Errors
    /// Where lengths do not fit.
    pub fn product(&self, vector: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, SensitivityError> {
        let weights = self.weights();
        let (found, expected) = (vector.iter().map(Vec::len).sum(), weights.iter().sum());
        if found != expected {
            let what = "entries of the vector";
            return Err(SensitivityError::Targets { samples: self.samples, what, found, expected });
        }
        let mut direction = Direction::none(self.graph);
        for (&index, vector) in self.layers.iter().zip(vector) {
            direction.weights[index] = Some(vector);
        }
        let starts = starts(&weights);
        let sums = self.sum(expected, &|chunk, sums| {
            self.add_product(
                &self.tape(chunk)?,
                &direction,
                |node| self.layers.iter().position(|&layer| layer == node).map(|layer| starts[layer]),
                sums,
            );
            Ok(())
        })?;
        Ok(split(&sums, &weights))
    }

    /// Adds the weights' part of the Hessian times a direction: of every layer that `place` has a place for in
    /// `sums`.
    pub(super) fn add_product(
        &self,
        tape: &Tape,
        direction: &Direction,
        place: impl Fn(usize) -> Option<usize>,
        sums: &mut [f64],
    ) {
        tape.derive(&self.objective, direction, |moved| {
            let Some(start) = place(moved.node) else { return };
            let site = tape.site(&self.graph.nodes[moved.node]);
            let Some(layer) = site.weighted() else { return };
            let own = &mut sums[start..start + layer.weight.len()];
            add_gradient(Some(layer), site.operands[0].1, moved.result, own);
            if let (Some(tangent), Some(gradient)) = (moved.tangent, tape.gradient(site.node)) {
                add_gradient(Some(layer), tangent, gradient, own);
            }
        });
    }

    /// Number of chunks.
    pub(super) fn chunks(&self) -> usize {
        self.samples.div_ceil(CHUNK)
    }

    /// Samples of a chunk.
    pub(super) fn chunk(&self, chunk: usize) -> Range<usize> {
        chunk * CHUNK..((chunk + 1) * CHUNK).min(self.samples)
    }

    /// The samples of a chunk, taken through the network.
    pub(super) fn tape(&self, chunk: usize) -> Result<Tape<'g>, SensitivityError> {
        let samples = self.chunk(chunk);
        let len = self.graph.shape(self.graph.input).len();
        let input = &self.input[samples.start * len..samples.end * len];
        Ok(Tape::record(&self.executor, self.graph, &self.objective, samples, self.samples, input)?)
    }

    /// `len` sums over all chunks: `add(chunk, sums)` adds those of a chunk.
    pub(super) fn sum(
        &self,
        len: usize,
        add: &(impl Fn(usize, &mut [f64]) -> Result<(), SensitivityError> + Sync),
    ) -> Result<Vec<f64>, SensitivityError> {
        sum_over(0..self.chunks(), len, add)
    }
}

/// Halves of halves down to one chunk: the order of the sums is that of this tree.
fn sum_over(
    chunks: Range<usize>,
    len: usize,
    add: &(impl Fn(usize, &mut [f64]) -> Result<(), SensitivityError> + Sync),
) -> Result<Vec<f64>, SensitivityError> {
    if chunks.len() > 1 {
        let middle = chunks.start + chunks.len() / 2;
        let (first, second) = rayon::join(
            || sum_over(chunks.start..middle, len, add),
            || sum_over(middle..chunks.end, len, add),
        );
        let (mut sums, others) = (first?, second?);
        sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        return Ok(sums);
    }
    let mut sums = vec![0.0; len];
    for chunk in chunks {
        add(chunk, &mut sums)?;
    }
    Ok(sums)
}

fn add_gradient(layer: Option<Weighted>, x: &[f32], gradient: &[f32], sums: &mut [f64]) {
    let Some(layer) = layer else { return };
    let mut terms = vec![0.0; sums.len()];
    layer.weight_gradient(x, gradient, &mut terms);
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += f64::from(term));
}

/// Weights of a node that has them.
pub(super) fn weight(node: &Node) -> Option<&[f32]> {
    match &node.op {
        Op::Conv(conv) => Some(&conv.weight),
        Op::Dense(dense) => Some(&dense.weight),
        _ => None,
    }
}

/// Where every part of a joined list starts.
fn starts(counts: &[usize]) -> Vec<usize> {
    counts
        .iter()
        .scan(0, |end, count| {
            let start = *end;
            *end += count;
            Some(start)
        })
        .collect()
}

fn split(sums: &[f64], counts: &[usize]) -> Vec<Vec<f32>> {
    let parts = starts(counts).into_iter().zip(counts);
    parts.map(|(start, count)| sums[start..start + count].iter().map(|v| *v as f32).collect()).collect()
}
