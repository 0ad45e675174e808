//! Counts of values in equal bins over a range known beforehand.

/// Fine against a grid of 256 levels, small against the tensors.
const BINS: usize = 2048;

#[derive(Clone, Debug)]
pub(super) struct Histogram {
    lo: f64,
    width: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// Empty bins over `lo..=hi`, `lo < hi`.
    pub(super) fn new(lo: f64, hi: f64) -> Self {
        Self { lo, width: (hi - lo) / BINS as f64, counts: vec![0; BINS] }
    }

    /// Counts finite values; those outside count in the outermost bins.
    pub(super) fn add(&mut self, values: &[f32]) {
        for &v in values {
            // The conversion saturates, which is the clamp below.
            let bin = ((f64::from(v) - self.lo) / self.width) as usize;
            self.counts[bin.min(BINS - 1)] += 1;
        }
    }

    /// Centres and counts of the bins that are not empty.
    pub(super) fn filled(&self) -> Vec<(f64, f64)> {
        let centre = |bin: usize| self.lo + (bin as f64 + 0.5) * self.width;
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(|(bin, &n)| (centre(bin), n as f64))
            .collect()
    }

    /// Outer edges of the bins that hold the values at `1 - share` and at `share` of the sorted values.
    pub(super) fn quantiles(&self, share: f64) -> (f64, f64) {
        let total: u64 = self.counts.iter().sum();
        let outside = ((1.0 - share) * total as f64).floor() as u64;
        let first = |bins: &mut dyn Iterator<Item = &u64>| {
            let mut below = 0;
            bins.take_while(|n| {
                below += **n;
                below <= outside
            })
            .count()
        };
        let (low, high) = (first(&mut self.counts.iter()), first(&mut self.counts.iter().rev()));
        (self.lo + low as f64 * self.width, self.lo + (BINS - high) as f64 * self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_bins() {
        let mut histogram = Histogram::new(-1.0, 1.0);
        histogram.add(&[-1.0, 1.0, 5.0, 0.0]);
        let half = 0.5 * histogram.width;
        assert_eq!(histogram.filled(), [(-1.0 + half, 1.0), (half, 1.0), (1.0 - half, 2.0)]);
    }

    #[test]
    fn quantiles_leave_out_the_rare() {
        let mut histogram = Histogram::new(0.0, 2048.0);
        histogram.add(&(0..100).map(|i| i as f32).collect::<Vec<_>>());
        histogram.add(&[2048.0]);
        assert_eq!(histogram.quantiles(1.0), (0.0, 2048.0));
        assert_eq!(histogram.quantiles(0.99), (1.0, 100.0));
    }
}
