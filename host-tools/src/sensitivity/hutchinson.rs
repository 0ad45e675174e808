//! Traces of diagonal blocks of the Hessian by random signs (Hutchinson 1990): `E[v_i^T (H v)_i] = tr(H_ii)`, for
//! all layers in one product, because the signs of different layers are independent.
//!
//! Three things make the estimates better than those of the formula as it stands, and keep their mean:
//! - Every chunk of samples has signs of its own. The loss is a mean over chunks, so the estimates of chunks are
//!   independent parts of the trace.
//! - With `y = x * w`, `v^T (H v)` of a layer's weights is `(x * v) . h_y + (t_x * v) . g_y` (see `tape`). The second
//!   term has mean 0: `t_x` follows from the signs of earlier layers only, which are independent of this layer's
//!   `v`. It is left out; and the first splits by output channel without further work.
//! - The signs of an output channel are as large as its weights are (root mean square), those of an operand as
//!   large as it is, and the estimates are divided by the square. What one layer's signs add to the estimates of
//!   another then does not depend on factors that could be moved between them, such as folded BatchNorms.

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
    /// sum over output channels of the channel's trace times its factor. `factors` is `[layers][columns][channels]`,
    /// for operands, which are one whole, `[layers][columns][1]`.
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
        let probes: Vec<Probe> = (self.layers())
            .map(|node| match block {
                Block::Weights => {
                    let channels = self.graph.shape(node.output).c;
                    Probe::new(&mut random, weight(node).unwrap_or_default(), channels)
                }
                Block::Operands => Probe::new(&mut random, tape.site(node).operands[0].1, 1),
            })
            .collect();
        let mut direction = Direction::none(self.graph);
        let moves = match block {
            Block::Weights => &mut direction.weights,
            Block::Operands => &mut direction.operands,
        };
        for (&index, probe) in self.layers.iter().zip(&probes) {
            moves[index] = Some(&probe.vector);
        }
        let starts: Vec<usize> = factors
            .iter()
            .scan(0, |end, columns| Some(std::mem::replace(end, *end + columns.len())))
            .collect();
        tape.derive(&self.objective, &direction, |moved| {
            let Ok(layer) = self.layers.binary_search(&moved.node) else { return };
            let probe = &probes[layer];
            let mut traces = match block {
                Block::Weights => channel_traces(&moved, probe.sizes.len()),
                Block::Operands => vec![moved.operand.map_or(0.0, |h| dot(h, &probe.vector))],
            };
            traces.iter_mut().zip(&probe.sizes).for_each(|(trace, size)| *trace /= size * size);
            for (sum, factors) in sums[starts[layer]..].iter_mut().zip(&factors[layer]) {
                *sum += traces.iter().zip(factors).map(|(trace, factor)| trace * factor).sum::<f64>();
            }
        });
    }
}

/// Random signs as large as what they move.
struct Probe {
    vector: Vec<f32>,
    /// Size of the signs of every row.
    sizes: Vec<f64>,
}

impl Probe {
    /// For values in `rows` rows. A row of zeros has signs of size 1.
    fn new(random: &mut Random, values: &[f32], rows: usize) -> Self {
        let mut vector = vec![0.0; values.len()];
        random.signs(&mut vector);
        let row = (values.len() / rows.max(1)).max(1);
        let size = |row: &[f32]| {
            let squares: f64 = row.iter().map(|v| f64::from(*v).powi(2)).sum();
            // In f32, that the division by its square is exact.
            let size = (squares / row.len() as f64).sqrt() as f32;
            if size.is_normal() { size } else { 1.0 }
        };
        let sizes: Vec<f32> = values.chunks(row).map(size).collect();
        for (row, size) in vector.chunks_mut(row).zip(&sizes) {
            row.iter_mut().for_each(|v| *v *= size);
        }
        Self { vector, sizes: sizes.into_iter().map(f64::from).collect() }
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
