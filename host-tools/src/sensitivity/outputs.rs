//! Traces of diagonal blocks of the Hessian from the few outputs instead of the many weights.
//!
//! Along one layer's weights alone, or its operand alone, a network of linear and piecewise linear operators is
//! linear: the block is `J^T H J`, `J` the Jacobian of a sample's outputs and `H` the loss's Hessian by them. With
//! `H = L L^T`, `tr(J^T H J)` is the sum over the columns of `L` of `||J^T l||^2`: exact, one pass back for each
//! output. With many outputs `E ||J^T L r||^2` over random signs `r` is the same, with far less variance than signs
//! of the weights give: a sample has its own, and there are no terms between layers.

use super::SensitivityError;
use super::curvature::Curvature;
use super::derivative::is_curved;
use super::hutchinson::Watch;
use super::tape::Tape;
use crate::random::{Purpose, Random};
use std::ops::Range;

/// What `L` is multiplied with.
#[derive(Clone, Debug, PartialEq)]
pub enum Outputs {
    /// Every unit vector: one exact result.
    All,
    /// Random signs: independent estimates, one for each probe.
    Signs {
        /// Seed.
        seed: u64,
        /// Probes.
        probes: Range<usize>,
    },
}

impl Curvature<'_> {
    /// Whether [`Curvature::probe_outputs`] finds traces of the Hessian: whether no operator is curved.
    pub fn is_piecewise_linear(&self) -> bool {
        !self.graph.nodes.iter().any(is_curved)
    }

    /// Traces by weights and operands: for every result, for every layer, for every column of `factors` the sum over
    /// output channels of the channel's trace by the weights times its factor, then the trace by the operand.
    /// `factors` is `[layers][columns][channels]`.
    ///
    /// # Errors
    /// [`SensitivityError::Interrupted`].
    pub fn probe_outputs(
        &self,
        outputs: &Outputs,
        factors: &[Vec<Vec<f64>>],
        watch: Watch,
    ) -> Result<Vec<Vec<Vec<f64>>>, SensitivityError> {
        let results = match outputs {
            Outputs::All => 0..1,
            Outputs::Signs { probes, .. } => probes.clone(),
        };
        let values = self.graph.shape(self.graph.output).len();
        let row: usize = factors.iter().map(|columns| columns.len() + 1).sum();
        let sums = self.sum(results.len() * row, &|chunk, sums| {
            let tape = self.tape(chunk)?;
            for (result, sums) in results.clone().zip(sums.chunks_exact_mut(row.max(1))) {
                match outputs {
                    Outputs::All => {
                        for output in 0..values {
                            let mut unit = vec![0.0; values];
                            unit[output] = 1.0;
                            self.add_squares(&tape, |r| r.copy_from_slice(&unit), factors, sums);
                            watch.piece()?;
                        }
                    }
                    Outputs::Signs { seed, .. } => {
                        let mut random = Random::new(*seed, Purpose::OutputProbe, chunk, result);
                        self.add_squares(&tape, |r| random.signs(r), factors, sums);
                        watch.piece()?;
                    }
                }
            }
            Ok(())
        })?;
        let mut sums = sums.into_iter();
        let mut layers =
            || factors.iter().map(|columns| sums.by_ref().take(columns.len() + 1).collect()).collect();
        Ok(results.map(|_| layers()).collect())
    }

    /// Adds `||J^T L r||^2`, `r` written by `fill` for every sample.
    fn add_squares(
        &self,
        tape: &Tape,
        mut fill: impl FnMut(&mut [f32]),
        factors: &[Vec<Vec<f64>>],
        sums: &mut [f64],
    ) {
        let values = self.graph.shape(self.graph.output).len();
        let mut r = vec![0.0; values];
        let mut seed = Vec::with_capacity(tape.outputs().len());
        for outputs in tape.outputs().chunks_exact(values) {
            fill(&mut r);
            seed.extend(self.objective.factor(outputs, &r, tape.all));
        }
        let starts: Vec<usize> = (factors.iter())
            .scan(0, |end, columns| Some(std::mem::replace(end, *end + columns.len() + 1)))
            .collect();
        tape.backward(seed, |index, result, operand| {
            let Ok(layer) = self.layers.binary_search(&index) else { return };
            let channels = self.weight_squares(tape, index, result);
            let (by_weights, by_operand) = sums[starts[layer]..].split_at_mut(factors[layer].len());
            for (sum, factors) in by_weights.iter_mut().zip(&factors[layer]) {
                *sum += channels.iter().zip(factors).map(|(square, factor)| square * factor).sum::<f64>();
            }
            by_operand[0] += operand.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
        });
    }

    /// Squared norms of the gradients by a layer's weights, sample by sample, summed, by output channel.
    fn weight_squares(&self, tape: &Tape, index: usize, gradient: &[f32]) -> Vec<f64> {
        let node = &self.graph.nodes[index];
        let shape = self.graph.shape(node.output);
        let mut squares = vec![0.0; shape.c];
        for (sample, gradient) in gradient.chunks_exact(shape.len().max(1)).enumerate() {
            let site = tape.sample(node, sample);
            let Some(layer) = site.weighted() else { continue };
            let mut by_weights = vec![0.0; layer.weight.len()];
            layer.weight_gradient(site.operands[0].1, gradient, &mut by_weights);
            let rows = by_weights.chunks_exact((by_weights.len() / shape.c).max(1));
            for (square, row) in squares.iter_mut().zip(rows) {
                *square += row.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
            }
        }
        squares
    }
}
