//! A mean of random numbers and how sure it is.

use serde::{Deserialize, Serialize};

/// Mean of independent estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error: the sample deviation over the square root of the count; 0 for a single one.
    pub standard_error: f64,
}

impl Estimate {
    /// Of these numbers; 0 of none.
    pub fn of(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let count = numbers.clone().count().max(1) as f64;
        let mean = numbers.clone().sum::<f64>() / count;
        let squares: f64 = numbers.map(|x| (x - mean).powi(2)).sum();
        Self { mean, standard_error: (squares / (count - 1.0).max(1.0) / count).sqrt() }
    }

    /// Whether all standard errors are at most this share of the mean's size. Against a mean near 0 no share is
    /// small, so that every mean counts as at least a thousandth of the largest.
    pub fn all_within(estimates: &[Self], share: f64) -> bool {
        let largest = estimates.iter().map(|e| e.mean.abs()).fold(0.0, f64::max);
        estimates.iter().all(|e| e.standard_error <= share * e.mean.abs().max(largest / 1000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_known_numbers() {
        let estimate = Estimate::of([1.0, 2.0, 3.0, 6.0].into_iter());
        // Sample variance (4 + 1 + 0 + 9) / 3, over 4.
        assert_eq!(estimate, Estimate { mean: 3.0, standard_error: (14.0f64 / 3.0 / 4.0).sqrt() });
        assert_eq!(Estimate::of([5.0].into_iter()), Estimate { mean: 5.0, standard_error: 0.0 });
        assert_eq!(Estimate::of([].into_iter()), Estimate::default());
    }

    #[test]
    fn small_means_do_not_ask_for_more_than_they_matter() {
        let estimate = |mean, standard_error| Estimate { mean, standard_error };
        assert!(Estimate::all_within(&[estimate(-100.0, 4.0), estimate(0.0, 0.004)], 0.05));
        assert!(!Estimate::all_within(&[estimate(-100.0, 6.0)], 0.05));
        assert!(!Estimate::all_within(&[estimate(100.0, 1.0), estimate(1.0, 0.06)], 0.05));
    }
}
