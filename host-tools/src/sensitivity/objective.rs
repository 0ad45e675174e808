//! What the loss is, with its first and second derivatives by the network's output.

use std::ops::Range;

use super::derivative::probabilities;

/// A loss, a mean over all samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Objective {
    /// Mean over the samples of `-log softmax(logits)[label]`; a label per sample.
    CrossEntropy(Vec<u32>),
    /// Mean over samples and values of `(y - target)^2`; targets `[n, values]`.
    SquaredError(Vec<f32>),
}

impl Objective {
    /// Sum of the losses of `samples`, whose outputs `[samples, values]` are given. The loss is this sum over all
    /// samples, divided by their number.
    pub(super) fn loss(&self, samples: Range<usize>, outputs: &[f32]) -> f64 {
        let values = outputs.len() / samples.len().max(1);
        match self {
            Self::CrossEntropy(labels) => {
                let rows = outputs.chunks_exact(values).zip(&labels[samples]);
                rows.map(|(row, label)| cross_entropy(row, *label as usize)).sum()
            }
            Self::SquaredError(targets) => {
                let targets = &targets[samples.start * values..samples.end * values];
                let squares =
                    outputs.iter().zip(targets).map(|(y, t)| (f64::from(*y) - f64::from(*t)).powi(2));
                squares.sum::<f64>() / values as f64
            }
        }
    }

    /// Gradient by the outputs of `samples` of the mean over `all` samples.
    pub(super) fn gradient(&self, samples: Range<usize>, outputs: &[f32], all: usize) -> Vec<f32> {
        let values = outputs.len() / samples.len().max(1);
        match self {
            Self::CrossEntropy(labels) => {
                let rows = outputs.chunks_exact(values).zip(&labels[samples]);
                rows.flat_map(|(row, label)| {
                    let mut p = probabilities(row);
                    // What is left to 1, without cancellation.
                    let others: f64 =
                        p.iter().enumerate().filter(|(c, _)| *c != *label as usize).map(|(_, p)| p).sum();
                    p[*label as usize] = -others;
                    p.into_iter().map(|g| (g / all as f64) as f32)
                })
                .collect()
            }
            Self::SquaredError(targets) => {
                let targets = &targets[samples.start * values..samples.end * values];
                let factor = 2.0 / (values * all) as f64;
                let differences = outputs.iter().zip(targets).map(|(y, t)| f64::from(*y) - f64::from(*t));
                differences.map(|difference| (factor * difference) as f32).collect()
            }
        }
    }

    /// The tangent of [`Self::gradient`] of a tangent of the outputs: the Hessian by the outputs times it.
    pub(super) fn curve(&self, outputs: &[f32], values: usize, tangent: &[f32], all: usize) -> Vec<f32> {
        match self {
            Self::CrossEntropy(_) => {
                let rows = outputs.chunks_exact(values).zip(tangent.chunks_exact(values));
                rows.flat_map(|(row, tangent)| {
                    let p = probabilities(row);
                    let mean: f64 = p.iter().zip(tangent).map(|(p, t)| p * f64::from(*t)).sum();
                    let terms = p.into_iter().zip(tangent).map(move |(p, t)| p * (f64::from(*t) - mean));
                    terms.map(|h| (h / all as f64) as f32).collect::<Vec<_>>()
                })
                .collect()
            }
            Self::SquaredError(_) => {
                let factor = 2.0 / (values * all) as f64;
                tangent.iter().map(|t| (factor * f64::from(*t)) as f32).collect()
            }
        }
    }

    /// `L r` with `L L^T` the Hessian by one sample's outputs of the mean over `all` samples: for cross entropy
    /// `L = diag(sqrt(p)) - p sqrt(p)^T`, column by column `sqrt(p_k) (e_k - p)`.
    pub(super) fn factor(&self, outputs: &[f32], r: &[f32], all: usize) -> Vec<f32> {
        match self {
            Self::CrossEntropy(_) => {
                let p = probabilities(outputs);
                let parts: Vec<f64> = p.iter().zip(r).map(|(p, r)| p.sqrt() * f64::from(*r)).collect();
                // `parts_k - p_k sum(parts)`, with `1 - p_k` as the sum of the others: no cancellation.
                let others = |list: &[f64], k: usize| -> f64 {
                    list.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, v)| v).sum()
                };
                let scale = (all as f64).sqrt();
                let entry = |k: usize| (parts[k] * others(&p, k) - p[k] * others(&parts, k)) / scale;
                (0..p.len()).map(|k| entry(k) as f32).collect()
            }
            Self::SquaredError(_) => {
                let scale = (2.0 / (outputs.len() * all) as f64).sqrt();
                r.iter().map(|r| (scale * f64::from(*r)) as f32).collect()
            }
        }
    }
}

/// `log(sum exp(y)) - y[label]`, precise for small losses too.
fn cross_entropy(row: &[f32], label: usize) -> f64 {
    let own = f64::from(row[label]);
    let others = row.iter().enumerate().filter(|(c, _)| *c != label).map(|(_, y)| f64::from(*y) - own);
    let others: Vec<f64> = others.collect();
    let max = others.iter().copied().fold(0.0, f64::max);
    if max == 0.0 {
        return others.iter().map(|d| d.exp()).sum::<f64>().ln_1p();
    }
    max + ((-max).exp() + others.iter().map(|d| (d - max).exp()).sum::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_known_outputs() {
        let entropy = Objective::CrossEntropy(vec![0, 1]);
        // log(1 + e) with the label behind, log(1 + e^-40) with the label far ahead.
        let loss = entropy.loss(0..2, &[0.0, 1.0, -20.0, 20.0]);
        assert!((loss - (1.0 + 1f64.exp()).ln() - (-40f64).exp()).abs() < 1e-15);
        let square = Objective::SquaredError(vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(square.loss(1..2, &[4.0, 2.0]), 2.5);
        assert_eq!(square.gradient(1..2, &[4.0, 2.0], 2), [0.5, -1.0]);
        assert_eq!(square.curve(&[4.0, 2.0], 2, &[1.0, 2.0], 2), [0.5, 1.0]);
    }

    #[test]
    fn a_sure_output_has_a_small_gradient_not_none() {
        let gradient = Objective::CrossEntropy(vec![0]).gradient(0..1, &[50.0, 0.0], 1);
        assert!(gradient[0] < 0.0 && gradient[0] == -gradient[1], "{gradient:?}");
    }
}
