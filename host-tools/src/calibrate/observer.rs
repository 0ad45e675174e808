//! Watches one tensor over the calibration data and gives its range.

use super::histogram::Histogram;
use super::{CalibrateError, Grid, Method, Range, mse};

/// State of one tensor. Show all data with [`Observer::observe`], one call per batch; between two passes call
/// [`Observer::next_pass`]; then [`Observer::finish`].
#[derive(Clone, Debug)]
pub struct Observer {
    tensor: String,
    method: Method,
    /// Smallest and largest value of the first pass, averaged where the method says so.
    extremes: Option<(f64, f64)>,
    /// The second pass; `None` in it when all values are the same.
    second: Option<Option<Histogram>>,
    seen_in_second: bool,
}

impl Observer {
    /// An observer for the tensor of this name.
    pub fn new(tensor: impl Into<String>, method: Method) -> Self {
        Self { tensor: tensor.into(), method, extremes: None, second: None, seen_in_second: false }
    }

    /// Takes one batch; an empty one changes nothing.
    ///
    /// # Errors
    /// [`CalibrateError::NotFinite`]; the batch is then not counted.
    pub fn observe(&mut self, values: &[f32]) -> Result<(), CalibrateError> {
        if let Some(element) = values.iter().position(|v| !v.is_finite()) {
            return Err(CalibrateError::NotFinite {
                tensor: self.tensor.clone(),
                value: values[element],
                element,
            });
        }
        let (Some(lo), Some(hi)) =
            (values.iter().copied().reduce(f32::min), values.iter().copied().reduce(f32::max))
        else {
            return Ok(());
        };
        match &mut self.second {
            None => {
                let batch = (f64::from(lo), f64::from(hi));
                self.extremes = Some(self.extremes.map_or(batch, |old| merged(self.method, old, batch)));
            }
            Some(histogram) => {
                self.seen_in_second = true;
                if let Some(histogram) = histogram {
                    histogram.add(values);
                }
            }
        }
        Ok(())
    }

    /// Ends the first of two passes. Methods with one pass don't need it.
    ///
    /// # Errors
    /// [`CalibrateError::NoData`] when the first pass had no data.
    pub fn next_pass(&mut self) -> Result<(), CalibrateError> {
        let (lo, hi) = self.extremes.ok_or_else(|| self.no_data(0))?;
        self.second = Some((lo < hi).then(|| Histogram::new(lo, hi)));
        Ok(())
    }

    /// The range for a tensor that will be stored on `grid`. It contains 0.
    ///
    /// # Errors
    /// [`CalibrateError::NoData`] when a pass is missing.
    pub fn finish(&self, grid: Grid) -> Result<Range, CalibrateError> {
        let (lo, hi) = self.extremes.ok_or_else(|| self.no_data(0))?;
        let full = Range::new(lo, hi).ok_or_else(|| self.no_data(0))?;
        if self.method.passes() == 1 {
            return Ok(full);
        }
        let histogram =
            self.second.as_ref().filter(|_| self.seen_in_second).ok_or_else(|| self.no_data(1))?;
        let Some(histogram) = histogram else { return Ok(full) };
        Ok(match self.method {
            Method::Percentile { percentile } => {
                let (lo, hi) = histogram.quantiles(percentile / 100.0);
                Range::new(lo, hi).unwrap_or(full)
            }
            _ => mse::search(histogram, full, grid),
        })
    }

    fn no_data(&self, seen: usize) -> CalibrateError {
        CalibrateError::NoData { tensor: self.tensor.clone(), seen, needed: self.method.passes() }
    }
}

/// The extremes after one batch more.
fn merged(method: Method, old: (f64, f64), batch: (f64, f64)) -> (f64, f64) {
    match method {
        Method::MovingAverage { momentum } => {
            let average = |old: f64, new: f64| momentum * old + (1.0 - momentum) * new;
            (average(old.0, batch.0), average(old.1, batch.1))
        }
        _ => (old.0.min(batch.0), old.1.max(batch.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::quant_params;
    use super::*;

    fn range(method: Method, batches: &[&[f32]], grid: Grid) -> Result<Range, CalibrateError> {
        let mut observer = Observer::new("t", method);
        for pass in 0..method.passes() {
            if pass > 0 {
                observer.next_pass()?;
            }
            batches.iter().try_for_each(|batch| observer.observe(batch))?;
        }
        observer.finish(grid)
    }

    const ALL: [Method; 4] = [
        Method::MinMax,
        Method::MovingAverage { momentum: 0.9 },
        Method::Percentile { percentile: 99.9 },
        Method::Mse,
    ];

    #[test]
    fn extremes_and_their_average() {
        let batches: [&[f32]; 2] = [&[-1.0, 3.0], &[-2.0, 1.0]];
        assert_eq!(range(Method::MinMax, &batches, Grid::ACT8).ok(), Range::new(-2.0, 3.0));
        let average = Method::MovingAverage { momentum: 0.75 };
        assert_eq!(range(average, &batches, Grid::ACT8).ok(), Range::new(-1.25, 2.5));
    }

    #[test]
    fn outliers_are_clipped() {
        let mut values: Vec<f32> = (0..10_000).map(|i| (i % 1000) as f32 / 1000.0).collect();
        values.push(20.0);
        let percentile = range(Method::Percentile { percentile: 99.9 }, &[&values], Grid::ACT4).unwrap();
        assert!((0.99..1.02).contains(&percentile.hi()), "{percentile:?}");
        let mse = range(Method::Mse, &[&values], Grid::ACT4).unwrap();
        assert!((1.0..10.0).contains(&mse.hi()), "{mse:?}");
        // With 65535 levels clipping the outlier costs more than it gains.
        assert!(range(Method::Mse, &[&values], Grid::ACT16).unwrap().hi() > 19.5);
    }

    #[test]
    fn constant_data() {
        for method in ALL {
            for (value, want) in [(0.0f32, (0.0, 1.0)), (2.5, (0.0, 2.5)), (-2.5, (-2.5, 0.0))] {
                let found = range(method, &[&[value; 9]], Grid::ACT8).unwrap();
                assert_eq!(Some(found), Range::new(want.0, want.1), "{method:?} {value}");
                assert!(quant_params(found, Grid::ACT8).scale > 0.0);
            }
        }
    }

    #[test]
    fn bad_data_name_the_tensor() {
        for method in ALL {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let message = range(method, &[&[1.0, bad]], Grid::ACT8).unwrap_err().to_string();
                assert!(message.contains("`t`") && message.contains("element 1"), "{message}");
            }
            assert!(matches!(range(method, &[&[]], Grid::ACT8), Err(CalibrateError::NoData { seen: 0, .. })));
        }
        let mut one_pass = Observer::new("t", Method::Mse);
        one_pass.observe(&[1.0, 2.0]).unwrap();
        assert!(matches!(
            one_pass.finish(Grid::ACT8),
            Err(CalibrateError::NoData { seen: 1, needed: 2, .. })
        ));
    }

    #[test]
    fn extreme_values_stay_finite() {
        for method in ALL {
            let found = range(method, &[&[f32::MIN, 0.0, f32::MAX]], Grid::ACT8).unwrap();
            assert!(quant_params(found, Grid::ACT8).scale.is_finite(), "{method:?}");
            range(method, &[&[0.0, f32::MIN_POSITIVE, 1e-45]], Grid::ACT8).unwrap();
        }
    }
}
