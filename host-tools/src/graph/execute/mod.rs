//! Runs a float graph over batches. Tensors are `[n, h, w, c]`; samples are independent, so batches
//! are spread over the threads of rayon's pool.

mod conv;
mod pointwise;
mod window;

use rayon::prelude::*;
use thiserror::Error;

use super::{Graph, Node, Op, Shape, ValueId};

/// Samples that one thread takes through the network at once: few enough for the caches.
const CHUNK: usize = 4;

/// Why a run is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The input doesn't hold `batch` samples.
    #[error("the input has {found} elements, {expected} are needed")]
    InputLength {
        /// Batch times the elements of a sample.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
}

/// Runs one graph. Holds no state between runs.
#[derive(Clone, Debug)]
pub struct Executor<'g> {
    graph: &'g Graph,
    /// For each node, the values that no later node reads.
    dead_after: Vec<Vec<ValueId>>,
}

impl<'g> Executor<'g> {
    /// Prepares runs of a graph as import builds it: shapes and constants must fit each other.
    pub fn new(graph: &'g Graph) -> Self {
        let mut last = vec![None; graph.values.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            last[node.output.0] = Some(i);
            for id in &node.inputs {
                last[id.0] = Some(i);
            }
        }
        last[graph.output.0] = None;
        let mut dead_after = vec![vec![]; graph.nodes.len()];
        for (id, node) in last.iter().enumerate() {
            if let Some(node) = *node {
                dead_after[node].push(ValueId(id));
            }
        }
        Self { graph, dead_after }
    }

    /// The network's output for `batch` samples.
    ///
    /// # Shapes
    /// `input` is `[batch, h, w, c]` of the graph's input, the result that of its output.
    ///
    /// # Errors
    /// If the length of `input` doesn't fit.
    pub fn run(&self, input: &[f32], batch: usize) -> Result<Vec<f32>, ExecuteError> {
        let sample = self.check(input, batch)?;
        let mut output = vec![0.0; batch * self.graph.shape(self.graph.output).len()];
        let per_sample = self.graph.shape(self.graph.output).len();
        let parts = output.par_chunks_mut(CHUNK * per_sample.max(1));
        parts.zip(input.par_chunks(CHUNK * sample.max(1))).for_each(|(out, input)| {
            let values = self.walk(input, input.len() / sample.max(1), |_, _, _| {});
            if let Some(result) = &values[self.graph.output.0] {
                out.copy_from_slice(result);
            }
        });
        Ok(output)
    }

    /// Like [`Executor::run`], and gives every tensor of the whole batch to `visit`: the input first,
    /// then each node's result in execution order.
    ///
    /// # Errors
    /// If the length of `input` doesn't fit.
    pub fn run_visiting(
        &self,
        input: &[f32],
        batch: usize,
        mut visit: impl FnMut(ValueId, &[f32]),
    ) -> Result<Vec<f32>, ExecuteError> {
        self.check(input, batch)?;
        visit(self.graph.input, input);
        let mut values = self.walk(input, batch, |id, _, tensor| visit(id, tensor));
        Ok(values[self.graph.output.0].take().unwrap_or_default())
    }

    /// The output when one node is another one and all values before it are those of an earlier run: `node` stands
    /// in the place `changed`.
    pub(crate) fn run_from(
        &self,
        values: &[Option<Vec<f32>>],
        changed: usize,
        node: &Node,
        batch: usize,
    ) -> Vec<f32> {
        let graph = self.graph;
        let mut new: Vec<Option<Vec<f32>>> = vec![None; graph.values.len()];
        for (index, own) in graph.nodes.iter().enumerate().skip(changed) {
            let node = if index == changed { node } else { own };
            if index == changed || node.inputs.iter().any(|id| new[id.0].is_some()) {
                let value = |id: &ValueId| new[id.0].as_deref().or(values[id.0].as_deref());
                let operand =
                    |id: &ValueId| Operand { shape: graph.shape(*id), data: value(id).unwrap_or_default() };
                let operands: Vec<Operand> = node.inputs.iter().map(operand).collect();
                new[node.output.0] = Some(evaluate_batch(node, &operands, graph.shape(node.output), batch));
            }
            for id in &self.dead_after[index] {
                new[id.0] = None;
            }
        }
        let output = graph.output.0;
        new[output].take().or_else(|| values[output].clone()).unwrap_or_default()
    }

    fn check(&self, input: &[f32], batch: usize) -> Result<usize, ExecuteError> {
        let sample = self.graph.shape(self.graph.input).len();
        if input.len() != batch * sample {
            return Err(ExecuteError::InputLength { expected: batch * sample, found: input.len() });
        }
        Ok(sample)
    }

    /// Evaluates all nodes; only the output is kept to the end.
    fn walk(
        &self,
        input: &[f32],
        batch: usize,
        mut visit: impl FnMut(ValueId, &Node, &[f32]),
    ) -> Vec<Option<Vec<f32>>> {
        let graph = self.graph;
        let mut values: Vec<Option<Vec<f32>>> = vec![None; graph.values.len()];
        values[graph.input.0] = Some(input.to_vec());
        for (node, dead) in graph.nodes.iter().zip(&self.dead_after) {
            let operands: Vec<Operand> = node
                .inputs
                .iter()
                .map(|id| Operand {
                    shape: graph.shape(*id),
                    data: values[id.0].as_deref().unwrap_or_default(),
                })
                .collect();
            let result = evaluate_batch(node, &operands, graph.shape(node.output), batch);
            visit(node.output, node, &result);
            values[node.output.0] = Some(result);
            for id in dead {
                values[id.0] = None;
            }
        }
        values
    }
}

/// A tensor of some samples.
#[derive(Clone, Copy)]
struct Operand<'a> {
    shape: Shape,
    data: &'a [f32],
}

/// Evaluates a node, samples spread over threads.
fn evaluate_batch(node: &Node, operands: &[Operand], shape: Shape, batch: usize) -> Vec<f32> {
    let mut out = vec![0.0; batch * shape.len()];
    if batch <= CHUNK {
        evaluate(node, operands, shape, &mut out);
        return out;
    }
    out.par_chunks_mut(CHUNK * shape.len().max(1)).enumerate().for_each(|(i, out)| {
        let part = |o: &Operand<'_>| {
            let (first, end) = (i * CHUNK * o.shape.len(), ((i + 1) * CHUNK).min(batch) * o.shape.len());
            (o.shape, first..end)
        };
        let parts: Vec<_> = operands
            .iter()
            .map(|o| {
                let (shape, range) = part(o);
                Operand { shape, data: &o.data[range] }
            })
            .collect();
        evaluate(node, &parts, shape, out);
    });
    out
}

/// Evaluates a node for the samples in `out`.
fn evaluate(node: &Node, operands: &[Operand], shape: Shape, out: &mut [f32]) {
    let x = operands[0];
    match &node.op {
        Op::Conv(op) => conv::conv(op, x, shape, out),
        Op::Dense(op) => conv::dense(op, x.data, out),
        Op::BatchNorm(op) => pointwise::batch_norm(op, x.data, out),
        Op::ChannelAffine(op) => pointwise::affine(&op.scale, &op.shift, x.data, out),
        Op::Activation(op) => pointwise::activation(*op, x.data, out),
        Op::Add => pointwise::add(x.data, operands[1].data, out),
        Op::Pool(op) => window::pool(op, x, shape, out),
        Op::Concat => window::concat(operands, out),
        Op::Window(op) => window::window(op, x, shape, out),
        Op::Reshape => out.copy_from_slice(x.data),
        Op::Softmax => pointwise::softmax(x.data, shape.c, false, out),
        Op::LogSoftmax => pointwise::softmax(x.data, shape.c, true, out),
    }
}
