//! Real multipliers as integers: dyadic numbers of accumulating steps, 32-bit rescales, residual sums. The
//! formulas are those of docs/numerics.md.

use crate::calibrate::QuantParams;

/// Multipliers of an accumulating step with their common shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dyadic {
    /// `round(M_c * 2^shift)`, each in `1..2^31`.
    pub multipliers: Vec<i32>,
    /// 32 whenever the largest M_c is below 1/2.
    pub shift: u8,
}

/// Integers of `y = clamp((q * m_c + r_c) >> shift)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rescaling {
    /// Multipliers.
    pub multipliers: Vec<i32>,
    /// Rounding terms and zero points.
    pub offsets: Vec<i32>,
    /// Shift.
    pub shift: u8,
}

/// One affine map of an integer: `real = factor * (q - zero) + shift`, as seen by the result's integers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// Real multiplier `M`.
    pub factor: f64,
    /// Integer that is mapped to `constant`.
    pub zero: f64,
    /// Addend in steps of the result, zero point included.
    pub constant: f64,
    /// Largest magnitude of the integer (or sum of integers).
    pub magnitude: f64,
}

/// `M_c` as dyadic numbers with one shift: the largest that keeps every multiplier below 2^31, at most 32.
/// `None` when a multiplier is not positive or too large.
pub(super) fn dyadic(factors: &[f64]) -> Option<Dyadic> {
    let largest = factors.iter().copied().fold(0.0, f64::max);
    let shift = (0..=32u8).rev().find(|&s| (largest * 2f64.powi(s.into())).round() < 2f64.powi(31))?;
    let multipliers: Vec<i32> =
        factors.iter().map(|m| (m * 2f64.powi(shift.into())).round_ties_even().max(1.0) as i32).collect();
    factors.iter().all(|m| *m > 0.0 && m.is_finite()).then_some(Dyadic { multipliers, shift })
}

/// Integers for one or many terms with a common shift: the largest for which no 32-bit sum can overflow.
pub(super) fn rescaling(terms: &[Term]) -> Option<Rescaling> {
    (0..=30u8).rev().find_map(|shift| {
        let unit = 2f64.powi(shift.into());
        let half = if shift == 0 { 0.0 } else { unit / 2.0 };
        let mut result = Rescaling { multipliers: Vec::new(), offsets: Vec::new(), shift };
        for term in terms {
            let m = (term.factor * unit).round_ties_even();
            let r = (term.constant * unit + half - term.zero * m).round_ties_even();
            if m.abs() * term.magnitude + r.abs() >= 2f64.powi(31) {
                return None;
            }
            result.multipliers.push(m as i32);
            result.offsets.push(r as i32);
        }
        Some(result)
    })
}

/// Integers of a residual addition: both multipliers in 16 bits, no overflow of the 32-bit sum.
pub(super) fn addition(
    (a, a_magnitude): (QuantParams, f64),
    (b, b_magnitude): (QuantParams, f64),
    y: QuantParams,
) -> Option<([i16; 2], i32, u8)> {
    (0..=30u8).rev().find_map(|shift| {
        let unit = 2f64.powi(shift.into());
        let half = if shift == 0 { 0.0 } else { unit / 2.0 };
        let ma = (a.scale / y.scale * unit).round_ties_even();
        let mb = (b.scale / y.scale * unit).round_ties_even();
        let zeros = f64::from(a.zero_point) * ma + f64::from(b.zero_point) * mb;
        let r = f64::from(y.zero_point) * unit + half - zeros;
        let largest = ma * a_magnitude + mb * b_magnitude + r.abs();
        let fits = ma <= f64::from(i16::MAX) && mb <= f64::from(i16::MAX) && largest < 2f64.powi(31);
        fits.then_some(([ma as i16, mb as i16], r as i32, shift))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shift_is_32_below_one_half_and_less_above() {
        let d = dyadic(&[0.4999, 1e-9]).unwrap();
        assert_eq!((d.shift, d.multipliers[1]), (32, 4));
        assert_eq!(dyadic(&[0.5]).unwrap().shift, 31);
        // 1 - 2^-40 times 2^31 rounds to 2^31, which no i32 holds (hawq.md, defect 9).
        let d = dyadic(&[1.0 - 2f64.powi(-40)]).unwrap();
        assert_eq!((d.shift, d.multipliers[0]), (30, 1 << 30));
        assert_eq!(dyadic(&[0.3, -0.1]), None);
        assert_eq!(dyadic(&[1e12]), None);
    }

    #[test]
    fn real_zero_stays_zero() {
        let term = Term { factor: 0.37, zero: 5.0, constant: -7.0, magnitude: 128.0 };
        let r = rescaling(&[term]).unwrap();
        assert_eq!((5 * r.multipliers[0] + r.offsets[0]) >> r.shift, -7);
        let q = |scale, zero_point| QuantParams { scale, zero_point };
        let ([ma, mb], r, s) = addition((q(0.1, 3), 128.0), (q(0.05, -9), 128.0), q(0.12, 4)).unwrap();
        assert_eq!((3 * i32::from(ma) - 9 * i32::from(mb) + r) >> s, 4);
    }
}
