//! Fits the latency table to counted steps: least squares of the relative error, no coefficient below zero, chosen by
//! the steps that each fit has not seen.

use std::collections::BTreeMap;

use host_tools::latency::{Entry, Features, Kind, Work};

const COUNT: usize = 8;

/// A step's features and its counted cycles.
type Sample = (Features, f64);

/// One entry for every kind and bits among the counted steps.
pub fn entries(steps: &[(Work, u64)]) -> Vec<Entry> {
    let mut groups: BTreeMap<(Kind, u32, u32), Vec<Sample>> = BTreeMap::new();
    for (work, cycles) in steps {
        let key = (work.kind, work.weight_bits, work.activation_bits);
        groups.entry(key).or_default().push((work.features(), *cycles as f64));
    }
    groups.into_iter().map(|(key, samples)| entry(key, &samples)).collect()
}

fn entry((kind, weight_bits, activation_bits): (Kind, u32, u32), samples: &[Sample]) -> Entry {
    let Fitted { coefficients, errors } = best(samples);
    let [per_mac, per_padded, per_output, per_residual, per_tap, per_pixel, per_narrow, per_step] =
        coefficients.map(rounded);
    let squares: f64 = errors.iter().map(|error| error * error).sum();
    Entry {
        kind,
        weight_bits,
        activation_bits,
        per_mac,
        per_padded,
        per_output,
        per_residual,
        per_tap,
        per_pixel,
        per_narrow,
        per_step,
        steps: samples.len(),
        error: rounded((squares / samples.len() as f64).sqrt()),
        worst_error: rounded(errors.iter().copied().fold(0.0, f64::max)),
    }
}

/// Four decimals are enough, and do not change with a last bit.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn predict(coefficients: &Features, features: &Features) -> f64 {
    coefficients.iter().zip(features).map(|(c, f)| c * f).sum()
}

/// Coefficients, and their relative error at every sample.
struct Fitted {
    coefficients: Features,
    errors: Vec<f64>,
}

/// The coefficients, none of them negative, that do best at samples that they were not fitted to: every choice of
/// those that are not zero is tried with every sample left out in turn, and the smallest of equally good choices taken.
/// A kind with few samples gets few coefficients. Errors are those of samples left out, too.
fn best(samples: &[Sample]) -> Fitted {
    let mut best: Option<(f64, Fitted)> = None;
    let mut choices: Vec<u32> = (1..1 << COUNT).collect();
    choices.sort_by_key(|choice| choice.count_ones());
    for choice in choices {
        let columns: Vec<usize> = (0..COUNT).filter(|column| choice >> column & 1 == 1).collect();
        let Some(coefficients) = fit(samples, &columns) else { continue };
        let Some(errors) = left_out(samples, &columns, &coefficients) else { continue };
        let sum: f64 = errors.iter().map(|error| error * error).sum();
        // A coefficient more must pay by more than rounding.
        if best.as_ref().is_none_or(|(least, _)| sum < least - 1e-9 * samples.len() as f64) {
            best = Some((sum, Fitted { coefficients, errors }));
        }
    }
    best.map_or(Fitted { coefficients: [0.0; COUNT], errors: vec![1.0] }, |(_, fitted)| fitted)
}

/// The relative error at every sample of a fit to all others; `None` where the others do not settle it. A single
/// sample is held against its own fit.
fn left_out(samples: &[Sample], columns: &[usize], all: &Features) -> Option<Vec<f64>> {
    let error = |fit: &Features, (features, cycles): &Sample| (predict(fit, features) / cycles - 1.0).abs();
    if let [one] = samples {
        return Some(vec![error(all, one)]);
    }
    let each = (0..samples.len()).map(|out| {
        let others = [&samples[..out], &samples[out + 1..]].concat();
        fit(&others, columns).map(|fit| error(&fit, &samples[out]))
    });
    each.collect()
}

/// Least squares without negative coefficients: the most negative column is left out until there is none; `None` where
/// columns depend on each other.
fn fit(samples: &[Sample], columns: &[usize]) -> Option<Features> {
    let mut columns = columns.to_vec();
    loop {
        let found = least_squares(samples, &columns)?;
        let worst = columns.iter().copied().min_by(|&one, &other| found[one].total_cmp(&found[other]));
        match worst.filter(|&column| found[column] < 0.0) {
            Some(column) => columns.retain(|&other| other != column),
            None => return Some(found),
        }
    }
}

/// Minimises the squared relative error over the named columns; `None` where they depend on each other.
fn least_squares(samples: &[Sample], columns: &[usize]) -> Option<Features> {
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
            taps: 0,
            pixels: outputs / 10,
            narrow: 0,
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
        assert_eq!(found[0].coefficients(), [2.0, 1.0, 30.0, 5.0, 0.0, 0.0, 0.0, 400.0]);
        assert_eq!((found[0].steps, found[0].worst_error), (6, 0.0));
    }

    #[test]
    fn a_single_step_is_fitted_by_one_coefficient() {
        let found = entries(&[(work(1000, 10, false), 3000)]);
        assert_eq!(found[0].coefficients(), [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn no_coefficient_is_negative() {
        let steps = [(work(100, 10, false), 100), (work(1000, 10, false), 10_000), (work(50, 5, false), 700)];
        let found = entries(&steps);
        assert!(found[0].coefficients().iter().all(|c| *c >= 0.0), "{found:?}");
        assert!(found[0].worst_error > 0.0);
    }

    #[test]
    fn errors_are_those_of_steps_left_out() {
        // Three steps on a line and one that is not: no fit foresees it.
        let line = |macs: u64| (work(macs, 0, false), 3 * macs);
        let found = entries(&[line(700), line(1400), line(2100), (work(2800, 0, false), 16_800)]);
        assert!(found[0].worst_error > 0.4, "{found:?}");
        assert_eq!(found[0].steps, 4);
    }

    #[test]
    fn kinds_and_bits_are_apart() {
        let narrow = Work { weight_bits: 4, ..work(10, 1, false) };
        let other = Work { kind: Kind::Dense, ..narrow };
        assert_eq!(entries(&[(work(10, 1, false), 5), (narrow, 5), (other, 5)]).len(), 3);
    }
}
