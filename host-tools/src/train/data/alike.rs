//! Samples that look like others: a JPEG and its lossless original are two files, but one picture. Held out in one
//! form and trained on in the other, it would say nothing about new pictures.

use crate::data::Dataset;
use rayon::prelude::*;

/// Cells per side of the grid whose means are compared.
const GRID: usize = 4;

/// Samples are alike below this share of the distance between two samples on average. CIFAR-10's images are less
/// than a twentieth from their JPEGs; nearly all other pairs are more than a tenth apart.
const NEAR: f64 = 1.0 / 16.0;

/// Those of `among` that look like one of `of`; in the order of `among`.
pub(super) fn alike(data: &Dataset, of: &[usize], among: &[usize]) -> Vec<usize> {
    if of.is_empty() {
        return Vec::new();
    }
    let means = |indices: &[usize]| -> Vec<Vec<f32>> {
        let real = || vec![0.0; data.shape.len()];
        indices.par_iter().map_init(real, |real, &i| thumbnail(data, i, real)).collect()
    };
    let (held, others) = (means(of), means(among));
    let limit = (NEAR * NEAR * pair_distance(held.iter().chain(&others))) as f32;
    let looks = |this: &Vec<f32>| held.iter().any(|that| distance(this, that) < limit);
    let found: Vec<bool> = others.par_iter().map(looks).collect();
    among.iter().zip(found).filter(|(_, found)| *found).map(|(&index, _)| index).collect()
}

/// Mean real value of every cell and channel.
fn thumbnail(data: &Dataset, index: usize, real: &mut [f32]) -> Vec<f32> {
    let shape = data.shape;
    let (rows, columns) = (GRID.min(shape.h), GRID.min(shape.w));
    data.real(index, real);
    let mut sums = vec![0.0; rows * columns * shape.c];
    let mut counts = vec![0.0; sums.len()];
    for (position, pixel) in real.chunks_exact(shape.c).enumerate() {
        let (y, x) = (position / shape.w * rows / shape.h, position % shape.w * columns / shape.w);
        let cell = (y * columns + x) * shape.c;
        for (channel, value) in pixel.iter().enumerate() {
            sums[cell + channel] += value;
            counts[cell + channel] += 1.0;
        }
    }
    sums.iter().zip(counts).map(|(sum, count)| sum / count).collect()
}

/// Squared distance.
fn distance(one: &[f32], two: &[f32]) -> f32 {
    one.iter().zip(two).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Mean squared distance of two samples drawn at random: twice the sum of the variances.
fn pair_distance<'a>(all: impl Iterator<Item = &'a Vec<f32>>) -> f64 {
    let (mut count, mut sums, mut squares) = (0.0, Vec::new(), Vec::new());
    for means in all {
        sums.resize(means.len(), 0.0);
        squares.resize(means.len(), 0.0);
        count += 1.0;
        for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(means) {
            *sum += f64::from(value);
            *square += f64::from(value) * f64::from(value);
        }
    }
    let variance = |(sum, square): (&f64, &f64)| (square / count - (sum / count) * (sum / count)).max(0.0);
    2.0 * sums.iter().zip(&squares).map(variance).sum::<f64>()
}
