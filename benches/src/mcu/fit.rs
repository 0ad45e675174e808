//! Fits the latency table to counted steps: least squares of the relative error, no coefficient below zero.

use std::collections::BTreeMap;

use host_tools::latency::{Entry, Features, Kind, Work};

const COUNT: usize = 5;

/// One entry for every kind and bits among the counted steps.
pub fn entries(steps: &[(Work, u64)]) -> Vec<Entry> {
    let mut groups: BTreeMap<(Kind, u32, u32), Vec<(Features, f64)>> = BTreeMap::new();
    for (work, cycles) in steps {
        let key = (work.kind, work.weight_bits, work.activation_bits);
        groups.entry(key).or_default().push((work.features(), *cycles as f64));
    }
    groups.into_iter().map(|(key, samples)| entry(key, &samples)).collect()
}

fn entry((kind, weight_bits, activation_bits): (Kind, u32, u32), samples: &[(Features, f64)]) -> Entry {
    let [per_mac, per_padded, per_output, per_residual, per_step] = best(samples).map(rounded);
    let coefficients = [per_mac, per_padded, per_output, per_residual, per_step];
    let errors =
        samples.iter().map(|(features, cycles)| (predict(&coefficients, features) / cycles - 1.0).abs());
    let squares: f64 = errors.clone().map(|error| error * error).sum();
    Entry {
        kind,
        weight_bits,
        activation_bits,
        per_mac,
        per_padded,
        per_output,
        per_residual,
        per_step,
        steps: samples.len(),
        error: rounded((squares / samples.len() as f64).sqrt()),
        worst_error: rounded(errors.fold(0.0, f64::max)),
    }
}

/// Four decimals are enough, and do not change with a last bit.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn predict(coefficients: &Features, features: &Features) -> f64 {
    coefficients.iter().zip(features).map(|(c, f)| c * f).sum()
}

/// The best coefficients that are not negative: with so few of them, every choice of those that are not zero is
/// tried, and the smallest of equally good choices taken.
fn best(samples: &[(Features, f64)]) -> Features {
    let mut best = ([0.0; COUNT], f64::INFINITY);
    let mut choices: Vec<u32> = (1..1 << COUNT).collect();
    choices.sort_by_key(|choice| choice.count_ones());
    for choice in choices {
        let columns: Vec<usize> = (0..COUNT).filter(|column| choice >> column & 1 == 1).collect();
        let Some(found) = least_squares(samples, &columns) else { continue };
        let error: f64 =
            samples.iter().map(|(features, cycles)| (predict(&found, features) / cycles - 1.0).powi(2)).sum();
        // A coefficient more must pay by more than rounding.
        if found.iter().all(|c| *c >= 0.0) && error < best.1 - 1e-9 * samples.len() as f64 {
            best = (found, error);
        }
    }
    best.0
}

/// Minimises the squared relative error over the named columns; `None` where they depend on each other.
fn least_squares(samples: &[(Features, f64)], columns: &[usize]) -> Option<Features> {
    // Columns of equal length, or the numbers of multiplications would drown the constant.
    let norm = |column: usize| samples.iter().map(|(f, y)| (f[column] / y).powi(2)).sum::<f64>().sqrt();
    let norms: Vec<f64> = columns.iter().map(|&column| norm(column)).collect();
    let n = columns.len();
    let mut system = vec![vec![0.0; n + 1]; n];
    for (features, cycles) in samples {
        let row: Vec<f64> =
            columns.iter().zip(&norms).map(|(&c, norm)| features[c] / cycles / norm).collect();
        for i in 0..n {
            for j in 0..n {
                system[i][j] += row[i] * row[j];
            }
            system[i][n] += row[i];
        }
    }
    let solution = solve(system)?;
    let mut coefficients = [0.0; COUNT];
    for ((&column, norm), value) in columns.iter().zip(&norms).zip(solution) {
        coefficients[column] = value / norm;
    }
    Some(coefficients)
}

/// Solves a linear system, whose rows end with the right side; `None` where it is singular.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = rows.len();
    for pivot in 0..n {
        let largest = (pivot..n).max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()))?;
        rows.swap(pivot, largest);
        if rows[pivot][pivot].is_nan() || rows[pivot][pivot].abs() < 1e-9 {
            return None;
        }
        let scaled: Vec<f64> = rows[pivot].iter().map(|value| value / rows[pivot][pivot]).collect();
        for (index, row) in rows.iter_mut().enumerate() {
            if index != pivot {
                let factor = row[pivot];
                row.iter_mut().zip(&scaled).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
        rows[pivot] = scaled;
    }
    rows.into_iter().map(|row| row.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(macs: u64, outputs: u64, residual: bool) -> Work {
        let residuals = if residual { outputs } else { 0 };
        Work {
            kind: Kind::Conv3x3,
            weight_bits: 8,
            activation_bits: 8,
            macs,
            padded: macs % 7 * 10,
            outputs,
            residuals,
        }
    }

    #[test]
    fn exact_costs_are_found_again() {
        let cost = |w: &Work| 2 * w.macs + w.padded + 30 * w.outputs + 5 * w.residuals + 400;
        let shapes = [
            (9000, 100, false),
            (500, 70, true),
            (123_456, 7, false),
            (77_000, 900, true),
            (20, 5, false),
            (5000, 20, true),
        ];
        let steps: Vec<(Work, u64)> = shapes
            .iter()
            .map(|&(macs, outputs, residual)| work(macs, outputs, residual))
            .map(|work| (work, cost(&work)))
            .collect();
        let found = entries(&steps);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].coefficients(), [2.0, 1.0, 30.0, 5.0, 400.0]);
        assert_eq!((found[0].steps, found[0].worst_error), (6, 0.0));
    }

    #[test]
    fn a_single_step_is_fitted_by_one_coefficient() {
        let found = entries(&[(work(1000, 10, false), 3000)]);
        assert_eq!(found[0].coefficients(), [3.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn no_coefficient_is_negative() {
        let steps = [(work(100, 10, false), 100), (work(1000, 10, false), 10_000), (work(50, 5, false), 700)];
        let found = entries(&steps);
        assert!(found[0].coefficients().iter().all(|c| *c >= 0.0), "{found:?}");
        assert!(found[0].worst_error > 0.0);
    }

    #[test]
    fn kinds_and_bits_are_apart() {
        let narrow = Work { weight_bits: 4, ..work(10, 1, false) };
        let other = Work { kind: Kind::Dense, ..narrow };
        assert_eq!(entries(&[(work(10, 1, false), 5), (narrow, 5), (other, 5)]).len(), 3);
    }
}
