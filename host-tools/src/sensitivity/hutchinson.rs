//! Traces of diagonal blocks of the Hessian by random signs (Hutchinson 1990): `E[v_i^T (H v)_i] = tr(H_ii)`, for
//! all layers in one product, because the signs of different layers are independent.
//!
//! Two things make the estimates better than those of the formula as it stands, and keep their mean:
//! - Every chunk of samples has signs of its own. The loss is a mean over chunks, so the estimates of chunks are
//!   independent parts of the trace.
//! - With `y = x * w`, `v^T (H v)` of a layer's weights is `(x * v) . h_y + (t_x * v) . g_y` (see `tape`). The second
//!   term has mean 0: `t_x` follows from the signs of earlier layers only, which are independent of this layer's
//!   `v`. It is left out; and the first splits by output channel without further work.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SensitivityError;
use super::curvature::{Curvature, weight};
use super::tape::{Direction, Moved, Tape};
use crate::random::{Purpose, Random};

/// What is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The weights of every layer.
    Weights,
    /// The operand of every layer with weights, sample by sample: the mean over the samples of the trace of the
    /// Hessian of the sample's own loss by what the layer reads.
    Operands,
}

/// What can end work early, and who is told of it.
#[derive(Clone, Copy)]
pub struct Watch<'w> {
    /// Becomes true when work shall end.
    pub stop: &'w AtomicBool,
    /// Is told of every piece that is done, from any thread.
    pub done: &'w (dyn Fn() + Sync),
}

impl Watch<'_> {
    /// Notes a piece of work; an error when there shall be no next one.
    pub(super) fn piece(&self) -> Result<(), SensitivityError> {
        (self.done)();
        if self.stop.load(Ordering::Relaxed) { Err(SensitivityError::Interrupted) } else { Ok(()) }
    }
}

impl Curvature<'_> {
    /// Independent estimates of the traces: for every probe, for every layer, for every column of `factors`, the
    /// sum over output channels of the channel's trace times its factor. `factors` is `[layers][columns][channels]`;
    /// operands have no output channels, so that only the sum over channels is meaningful there and factors are 1.
    ///
    /// # Errors
    /// [`SensitivityError::Interrupted`].
    pub fn probe(
        &self,
        block: Block,
        seed: u64,
        probes: Range<usize>,
        factors: &[Vec<Vec<f64>>],
        watch: Watch,
    ) -> Result<Vec<Vec<Vec<f64>>>, SensitivityError> {
        let columns: Vec<usize> = factors.iter().map(Vec::len).collect();
        let row: usize = columns.iter().sum();
        let sums = self.sum(probes.len() * row, &|chunk, sums| {
            let tape = self.tape(chunk)?;
            for (probe, sums) in probes.clone().zip(sums.chunks_exact_mut(row.max(1))) {
                self.probe_once(block, (seed, chunk, probe), &tape, factors, sums);
                watch.piece()?;
            }
            Ok(())
        })?;
        let mut sums = sums.into_iter();
        let mut layers = || columns.iter().map(|&count| sums.by_ref().take(count).collect()).collect();
        Ok(probes.map(|_| layers()).collect())
    }

    fn probe_once(
        &self,
        block: Block,
        (seed, chunk, probe): (u64, usize, usize),
        tape: &Tape,
        factors: &[Vec<Vec<f64>>],
        sums: &mut [f64],
    ) {
        let purpose = match block {
            Block::Weights => Purpose::WeightProbe,
            Block::Operands => Purpose::OperandProbe,
        };
        let mut random = Random::new(seed, purpose, chunk, probe);
        let signs: Vec<Vec<f32>> = (self.layers())
            .map(|node| {
                let len = match block {
                    Block::Weights => weight(node).unwrap_or_default().len(),
                    Block::Operands => self.chunk(chunk).len() * self.graph.shape(node.inputs[0]).len(),
                };
                let mut signs = vec![0.0; len];
                random.signs(&mut signs);
                signs
            })
            .collect();
        let mut direction = Direction::none(self.graph);
        let moves = match block {
            Block::Weights => &mut direction.weights,
            Block::Operands => &mut direction.operands,
        };
        for (&index, signs) in self.layers.iter().zip(&signs) {
            moves[index] = Some(signs);
        }
        let starts: Vec<usize> = factors
            .iter()
            .scan(0, |end, columns| Some(std::mem::replace(end, *end + columns.len())))
            .collect();
        tape.derive(&self.objective, &direction, |moved| {
            let Ok(layer) = self.layers.binary_search(&moved.node) else { return };
            let traces = match block {
                Block::Weights => {
                    channel_traces(&moved, self.graph.shape(self.graph.nodes[moved.node].output).c)
                }
                Block::Operands => vec![moved.operand.map_or(0.0, |h| dot(h, &signs[layer]))],
            };
            for (sum, factors) in sums[starts[layer]..].iter_mut().zip(&factors[layer]) {
                *sum += traces.iter().zip(factors).map(|(trace, factor)| trace * factor).sum::<f64>();
            }
        });
    }
}

/// `(x * v) . h_y` by output channel.
fn channel_traces(moved: &Moved, channels: usize) -> Vec<f64> {
    let mut traces = vec![0.0; channels];
    let pushed = moved.pushed.unwrap_or_default();
    for (pushed, result) in pushed.chunks_exact(channels).zip(moved.result.chunks_exact(channels)) {
        for ((trace, p), h) in traces.iter_mut().zip(pushed).zip(result) {
            *trace += f64::from(*p) * f64::from(*h);
        }
    }
    traces
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
