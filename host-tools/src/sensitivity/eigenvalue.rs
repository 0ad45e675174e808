//! Largest eigenvalue of every layer's block of the Hessian by power iteration (HAWQ-V1), all layers side by side on
//! the same passes through the network.

use super::SensitivityError;
use super::curvature::Curvature;
use super::hutchinson::Watch;
use super::tape::Direction;
use crate::random::{Purpose, Random};
use serde::{Deserialize, Serialize};

/// Largest eigenvalue of one block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Eigenvalue {
    /// The one of largest size: the Rayleigh quotient of the last vector.
    pub value: f64,
    /// `||H v - value v|| / ||H v||` of the last unit vector `v`: convergence where it is within the tolerance. The
    /// value's own error is of the order of its square.
    pub residual: f64,
    /// Products.
    pub iterations: usize,
}

impl Curvature<'_> {
    /// Iterates until no residual is above `tolerance`, at most `iterations` times.
    ///
    /// # Errors
    /// [`SensitivityError::Interrupted`].
    pub fn eigenvalues(
        &self,
        seed: u64,
        tolerance: f64,
        iterations: usize,
        watch: Watch,
    ) -> Result<Vec<Eigenvalue>, SensitivityError> {
        let weights = self.weights();
        let mut found = vec![Eigenvalue { residual: 1.0, ..Eigenvalue::default() }; weights.len()];
        let mut vectors: Vec<Vec<f32>> = (weights.iter().enumerate())
            .map(|(layer, &count)| {
                let mut signs = vec![0.0; count];
                Random::new(seed, Purpose::Start, 0, layer).signs(&mut signs);
                scaled(&signs.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), (count as f64).sqrt())
            })
            .collect();
        for _ in 0..iterations {
            let open: Vec<usize> = (0..weights.len()).filter(|&i| found[i].residual > tolerance).collect();
            if open.is_empty() {
                break;
            }
            let products = self.block_products(&open, &vectors, &watch)?;
            for (layer, product) in open.into_iter().zip(products) {
                let value = product.iter().zip(&vectors[layer]).map(|(h, v)| h * f64::from(*v)).sum::<f64>();
                let norm = product.iter().map(|h| h * h).sum::<f64>().sqrt();
                let entry = &mut found[layer];
                let rest: f64 = product
                    .iter()
                    .zip(&vectors[layer])
                    .map(|(h, v)| (h - value * f64::from(*v)).powi(2))
                    .sum();
                entry.residual = if norm > 0.0 { rest.sqrt() / norm } else { 0.0 };
                entry.value = value;
                entry.iterations += 1;
                vectors[layer] = scaled(&product, norm);
            }
        }
        Ok(found)
    }

    /// `H_ii v_i` for some layers.
    fn block_products(
        &self,
        layers: &[usize],
        vectors: &[Vec<f32>],
        watch: &Watch,
    ) -> Result<Vec<Vec<f64>>, SensitivityError> {
        let len = layers.iter().map(|&layer| vectors[layer].len()).sum();
        let sums = self.sum(len, &|chunk, sums| {
            let tape = self.tape(chunk)?;
            let mut start = 0;
            for &layer in layers {
                let node = self.layers[layer];
                let mut direction = Direction::none(self.graph);
                direction.weights[node] = Some(&vectors[layer]);
                self.add_product(&tape, &direction, |at| (at == node).then_some(start), sums);
                start += vectors[layer].len();
            }
            watch.piece()
        })?;
        let mut sums = sums.into_iter();
        Ok(layers.iter().map(|&layer| sums.by_ref().take(vectors[layer].len()).collect()).collect())
    }
}

fn scaled(vector: &[f64], norm: f64) -> Vec<f32> {
    let factor = if norm > 0.0 { 1.0 / norm } else { 0.0 };
    vector.iter().map(|v| (v * factor) as f32).collect()
}
