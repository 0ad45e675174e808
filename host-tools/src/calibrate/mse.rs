//! The clipping range with the least mean squared error, by search over a grid of candidates.

use super::histogram::Histogram;
use super::range::{Grid, QuantParams, Range, quant_params};

/// Candidates per side when both sides are searched.
const STEPS_BOTH: u32 = 64;
/// Candidates when only one number is searched.
const STEPS_ONE: u32 = 256;

/// The best of the candidates; of equally good ones the widest.
pub(super) fn search(histogram: &Histogram, full: Range, grid: Grid) -> Range {
    let values = histogram.filled();
    let mut best = (f64::INFINITY, full);
    for range in candidates(full, grid) {
        let error = squared_error(&values, quant_params(range, grid), grid, best.0);
        if error < best.0 {
            best = (error, range);
        }
    }
    best.1
}

/// Fractions of the full range, the widest first. A symmetric grid and a range that begins or ends at 0 have
/// one number to search, others two.
fn candidates(full: Range, grid: Grid) -> Vec<Range> {
    let one_sided = full.lo() == 0.0 || full.hi() == 0.0;
    if matches!(grid, Grid::Symmetric { .. }) || one_sided {
        let part = |i: u32| f64::from(i) / f64::from(STEPS_ONE);
        let ranges =
            (1..=STEPS_ONE).rev().filter_map(|i| Range::new(full.lo() * part(i), full.hi() * part(i)));
        return ranges.collect();
    }
    let part = |i: u32| f64::from(i) / f64::from(STEPS_BOTH);
    let pairs = (1..=STEPS_BOTH).rev().flat_map(|i| (1..=STEPS_BOTH).rev().map(move |j| (i, j)));
    pairs.filter_map(|(i, j)| Range::new(full.lo() * part(i), full.hi() * part(j))).collect()
}

/// Weighted sum of squared errors; stops as soon as it is not below `limit`.
fn squared_error(values: &[(f64, f64)], params: QuantParams, grid: Grid, limit: f64) -> f64 {
    let (lo, hi) = grid.bounds();
    let zero = f64::from(params.zero_point);
    let (lo, hi) = (f64::from(lo) - zero, f64::from(hi) - zero);
    let inverse = 1.0 / params.scale;
    let mut sum = 0.0;
    for chunk in values.chunks(64) {
        for &(value, count) in chunk {
            let step = (value * inverse).round_ties_even().clamp(lo, hi);
            let error = step * params.scale - value;
            sum += count * error * error;
        }
        if sum >= limit {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Quantises every single value with every candidate.
    fn brute_force(values: &[f32], full: Range, grid: Grid) -> Vec<(f64, Range)> {
        let (q_lo, q_hi) = grid.bounds();
        let error = |range: Range| {
            let QuantParams { scale, zero_point } = quant_params(range, grid);
            let one = |&v: &f32| {
                let q = ((f64::from(v) / scale).round_ties_even() as i32 + zero_point).clamp(q_lo, q_hi);
                (scale * f64::from(q - zero_point) - f64::from(v)).powi(2)
            };
            values.iter().map(one).sum::<f64>()
        };
        candidates(full, grid).into_iter().map(|range| (error(range), range)).collect()
    }

    fn full_range(values: &[f32]) -> (f64, f64) {
        let bound = |f: fn(f64, f64) -> f64| values.iter().map(|&v| f64::from(v)).reduce(f).unwrap();
        (bound(f64::min), bound(f64::max))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Against single values the histogram moves each by half a bin at most: the error may differ by as much.
        #[test]
        fn as_good_as_brute_force(
            mut values in prop::collection::vec(-4.0f32..4.0, 20..200),
            outlier in -40.0f32..40.0,
            kind in 0usize..4,
        ) {
            values.push(outlier);
            if kind == 0 {
                values.iter_mut().for_each(|v| *v = v.abs());
            }
            let grid = [Grid::ACT4, Grid::ACT4, Grid::ACT8, Grid::Symmetric { max: 7 }][kind];
            let (lo, hi) = full_range(&values);
            let full = Range::new(lo, hi).unwrap();
            let mut histogram = Histogram::new(lo, hi);
            histogram.add(&values);
            let found = search(&histogram, full, grid);
            let all = brute_force(&values, full, grid);
            let best = all.iter().map(|(error, _)| *error).fold(f64::INFINITY, f64::min);
            let of_found = all.iter().find(|(_, range)| *range == found).unwrap().0;
            // Norm of the vector of displacements, once for the found and once for the best range.
            let slack = 2.0 * (values.len() as f64).sqrt() * (hi - lo) / 4096.0;
            prop_assert!(of_found.sqrt() <= best.sqrt() + slack, "{of_found} {best} {slack}");
        }

        /// Values at bin centres are represented exactly: the search must find the very best candidate.
        #[test]
        fn exact_on_bin_centres(bins in prop::collection::vec(0usize..2048, 5..60), sign in 0usize..3) {
            let (lo, hi) = [(0.0, 8.0), (-8.0, 0.0), (-4.0, 12.0)][sign];
            let width = (hi - lo) / 2048.0;
            let values: Vec<f32> = bins.iter().map(|&b| (lo + (b as f64 + 0.5) * width) as f32).collect();
            let full = Range::new(lo, hi).unwrap();
            let mut histogram = Histogram::new(lo, hi);
            histogram.add(&values);
            for grid in [Grid::ACT4, Grid::Symmetric { max: 7 }] {
                let found = search(&histogram, full, grid);
                let all = brute_force(&values, full, grid);
                let best = all.iter().map(|(error, _)| *error).fold(f64::INFINITY, f64::min);
                let of_found = all.iter().find(|(_, range)| *range == found).unwrap().0;
                prop_assert!(of_found <= best * (1.0 + 1e-9) + 1e-12, "{of_found} {best}");
            }
        }
    }
}
