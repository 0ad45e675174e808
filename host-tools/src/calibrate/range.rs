//! From a range of real values to scale and zero point (docs of the numerics: `r = S (q - Z)`).

/// Real values that a tensor must be able to hold. Finite, contains 0, not empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    lo: f64,
    hi: f64,
}

impl Range {
    /// The smallest range with `lo`, `hi` and 0 in it; `0..1` when all of them are 0. `None` for NaN and infinity.
    pub fn new(lo: f64, hi: f64) -> Option<Self> {
        if !(lo.is_finite() && hi.is_finite()) {
            return None;
        }
        let (lo, hi) = (lo.min(hi).min(0.0), hi.max(lo).max(0.0));
        // Below this a scale would not be a normal f32 any more.
        if hi - lo < f64::from(f32::MIN_POSITIVE) * 65536.0 {
            return Some(Self { lo: 0.0, hi: 1.0 });
        }
        Some(Self { lo, hi })
    }

    /// Smallest value, at most 0.
    pub const fn lo(&self) -> f64 {
        self.lo
    }

    /// Largest value, at least 0.
    pub const fn hi(&self) -> f64 {
        self.hi
    }
}

/// Integers that a tensor is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grid {
    /// `lo..=hi` with any zero point among them.
    Affine {
        /// Smallest integer.
        lo: i32,
        /// Largest integer.
        hi: i32,
    },
    /// `-max..=max` with zero point 0.
    Symmetric {
        /// Largest integer.
        max: i32,
    },
}

impl Grid {
    /// Activations of 8 bits: signed, any zero point.
    pub const ACT8: Grid = Grid::Affine { lo: -128, hi: 127 };
    /// Activations of 4 bits: unsigned nibbles, any zero point.
    pub const ACT4: Grid = Grid::Affine { lo: 0, hi: 15 };
    /// Activations of 16 bits: symmetric.
    pub const ACT16: Grid = Grid::Symmetric { max: 32767 };

    /// The grid of activations of so many bits: 4, 8 or 16.
    pub const fn activation(bits: u32) -> Option<Self> {
        match bits {
            4 => Some(Self::ACT4),
            8 => Some(Self::ACT8),
            16 => Some(Self::ACT16),
            _ => None,
        }
    }

    /// Smallest and largest integer.
    pub const fn bounds(&self) -> (i32, i32) {
        match *self {
            Grid::Affine { lo, hi } => (lo, hi),
            Grid::Symmetric { max } => (-max, max),
        }
    }
}

/// Scale and zero point of a tensor: `r = scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantParams {
    /// Real value of one integer step, positive.
    pub scale: f64,
    /// The integer that means exactly 0, within the grid.
    pub zero_point: i32,
}

impl QuantParams {
    /// The number of a grid that is nearest to a real one, as a real number.
    pub fn rounded(&self, grid: Grid, real: f64) -> f64 {
        let (lo, hi) = grid.bounds();
        let zero = f64::from(self.zero_point);
        let step = (real / self.scale).round_ties_even().clamp(f64::from(lo) - zero, f64::from(hi) - zero);
        step * self.scale
    }
}

/// Scale and zero point that lay a range on a grid. The zero point is rounded (half to even), so either end of
/// an affine range may move by up to half a step.
pub fn quant_params(range: Range, grid: Grid) -> QuantParams {
    match grid {
        Grid::Affine { lo, hi } => {
            let scale = (range.hi - range.lo) / f64::from(hi - lo);
            let zero = f64::from(lo) - range.lo / scale;
            QuantParams { scale, zero_point: (zero.round_ties_even() as i32).clamp(lo, hi) }
        }
        Grid::Symmetric { max } => {
            QuantParams { scale: range.hi.max(-range.lo) / f64::from(max), zero_point: 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        let params = |lo, hi, grid| quant_params(Range::new(lo, hi).unwrap(), grid);
        assert_eq!(params(0.0, 255.0, Grid::ACT8), QuantParams { scale: 1.0, zero_point: -128 });
        assert_eq!(params(-128.0, 127.0, Grid::ACT8), QuantParams { scale: 1.0, zero_point: 0 });
        assert_eq!(params(-2.0, -1.0, Grid::ACT8), QuantParams { scale: 2.0 / 255.0, zero_point: 127 });
        assert_eq!(params(3.0, 7.5, Grid::ACT4), QuantParams { scale: 0.5, zero_point: 0 });
        assert_eq!(params(-65534.0, 1.0, Grid::ACT16), QuantParams { scale: 2.0, zero_point: 0 });
    }

    #[test]
    fn rounding_to_a_grid() {
        let params = QuantParams { scale: 0.5, zero_point: 3 };
        let rounded = [-9.0, -0.6, 0.25, 0.26, 5.9, 100.0].map(|real| params.rounded(Grid::ACT4, real));
        assert_eq!(rounded, [-1.5, -0.5, 0.0, 0.5, 6.0, 6.0]);
    }

    #[test]
    fn degenerate_ranges() {
        assert_eq!(Range::new(0.0, 0.0), Range::new(0.0, 1.0));
        assert_eq!(Range::new(1e-42, 1e-42), Range::new(0.0, 1.0));
        assert_eq!(Range::new(-3.0, -3.0), Range::new(-3.0, 0.0));
        assert_eq!(Range::new(f64::NAN, 1.0), None);
        assert_eq!(Range::new(0.0, f64::INFINITY), None);
        assert_eq!(Grid::activation(5), None);
    }

    proptest! {
        #[test]
        fn ends_of_the_range_are_within_half_a_step(lo in -1e6f64..1e6, hi in -1e6f64..1e6, bits in 0usize..3) {
            let grid = [Grid::ACT4, Grid::ACT8, Grid::ACT16][bits];
            let range = Range::new(lo, hi).unwrap();
            let QuantParams { scale, zero_point } = quant_params(range, grid);
            let (q_lo, q_hi) = grid.bounds();
            let real = |q: i32| scale * f64::from(q - zero_point);
            prop_assert!(scale > 0.0 && (q_lo..=q_hi).contains(&zero_point));
            let slack = scale * 0.5 * (1.0 + 1e-9);
            prop_assert!(real(q_lo) <= range.lo() + slack && real(q_hi) >= range.hi() - slack);
        }
    }
}
