//! The one arithmetic (docs/numerics.md): requantisation and saturation. Everything else calls this.

/// Largest shift of a 64-bit requantisation product.
pub const MAX_REQUANT_SHIFT: u8 = 62;

/// Largest shift of a 32-bit rescale product.
pub const MAX_RESCALE_SHIFT: u8 = 31;

/// Limits that a result is clamped to; they carry ReLU, ReLU6 and clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamp {
    /// Smallest result.
    pub lo: i16,
    /// Largest result.
    pub hi: i16,
}

impl Clamp {
    /// `value`, limited to `lo..=hi`.
    #[inline(always)]
    pub fn apply(self, value: i32) -> i32 {
        let (lo, hi) = (i32::from(self.lo), i32::from(self.hi));
        if value < lo {
            lo
        } else if value > hi {
            hi
        } else {
            value
        }
    }

    #[inline(always)]
    fn apply_wide(self, value: i64) -> i32 {
        let (lo, hi) = (i64::from(self.lo), i64::from(self.hi));
        if value < lo {
            i32::from(self.lo)
        } else if value > hi {
            i32::from(self.hi)
        } else {
            value as i32
        }
    }
}

/// `clamp((acc * multiplier) >> shift)`: 64-bit product, arithmetic (floor) shift, `shift <= 62`.
///
/// `multiplier / 2^shift` is HAWQ-V3's dyadic number (Yao et al. 2021, section 3.1). The rounding term and
/// the zero points are inside the accumulator's bias, so floor is the whole rounding rule.
#[inline(always)]
pub fn requantize(acc: i32, multiplier: i32, shift: u8, clamp: Clamp) -> i32 {
    requantize_terms(acc, multiplier, None, shift, clamp)
}

/// `clamp((acc * multiplier + other * other_multiplier) >> shift)`: two terms of different scales, one
/// rounding. It is HAWQ-V3's residual form with both terms summed before the clamp.
#[inline(always)]
pub fn requantize_sum(
    acc: i32,
    multiplier: i32,
    other: i32,
    other_multiplier: i32,
    shift: u8,
    clamp: Clamp,
) -> i32 {
    requantize_terms(acc, multiplier, Some((other, other_multiplier)), shift, clamp)
}

/// [`requantize`] or [`requantize_sum`]: with or without a second term and its multiplier. The first product is made in
/// one place, so that debug lines show it here.
#[inline(always)]
pub(crate) fn requantize_terms(
    acc: i32,
    multiplier: i32,
    other: Option<(i32, i32)>,
    shift: u8,
    clamp: Clamp,
) -> i32 {
    let sum = product(acc, multiplier);
    let sum = match other {
        Some((other, multiplier)) => sum.wrapping_add(product(other, multiplier)),
        None => sum,
    };
    narrow(sum, shift, clamp)
}

/// `clamp((value * multiplier + offset) >> shift)` in wrapping 32-bit arithmetic, `shift <= 31`.
#[inline(always)]
pub fn rescale(value: i32, multiplier: i32, offset: i32, shift: u8, clamp: Clamp) -> i32 {
    clamp.apply(shift_right(value.wrapping_mul(multiplier).wrapping_add(offset), shift))
}

/// `clamp((a * a_multiplier + b * b_multiplier + offset) >> shift)` in wrapping 32-bit arithmetic.
#[inline(always)]
pub fn rescale_sum(
    a: i32,
    a_multiplier: i16,
    b: i32,
    b_multiplier: i16,
    offset: i32,
    shift: u8,
    clamp: Clamp,
) -> i32 {
    let a = a.wrapping_mul(i32::from(a_multiplier));
    let b = b.wrapping_mul(i32::from(b_multiplier));
    clamp.apply(shift_right(a.wrapping_add(b).wrapping_add(offset), shift))
}

#[inline(always)]
fn shift_right(value: i32, shift: u8) -> i32 {
    value >> (u32::from(shift) & 31)
}

// The only 64-bit multiplication of portable code: the audit of the linked firmware looks for it here, and in the strips
// of `arch::armv7em` and `arch::words`.
#[inline(always)]
fn product(a: i32, b: i32) -> i64 {
    if cfg!(armv6m) { product_of_halves(a, b) } else { i64::from(a).wrapping_mul(i64::from(b)) }
}

/// The same from products of 16 bits, for cores that have no others: no step leaves 32 bits.
#[inline(always)]
fn product_of_halves(a: i32, b: i32) -> i64 {
    let ((a_low, a_high), (b_low, b_high)) = ((a & 0xffff, a >> 16), (b & 0xffff, b >> 16));
    let carry = ((a_low as u32).wrapping_mul(b_low as u32) >> 16) as i32;
    let first = a_high.wrapping_mul(b_low).wrapping_add(carry);
    let second = a_low.wrapping_mul(b_high).wrapping_add(first & 0xffff);
    let high = a_high.wrapping_mul(b_high).wrapping_add(first >> 16).wrapping_add(second >> 16);
    i64::from(high) << 32 | i64::from(a.wrapping_mul(b) as u32)
}

#[inline(always)]
fn narrow(product: i64, shift: u8, clamp: Clamp) -> i32 {
    if shift >= 32 {
        // The high word holds everything: one SMMUL (or mulh) on the device.
        clamp.apply(shift_right((product >> 32) as i32, shift - 32))
    } else {
        clamp.apply_wide(product >> shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [i32; 12] =
        [i32::MIN, i32::MIN + 1, -65_536, -129, -128, -1, 0, 1, 127, 128, i32::MAX - 1, i32::MAX];
    const FULL: Clamp = Clamp { lo: i16::MIN, hi: i16::MAX };
    const BYTE: Clamp = Clamp { lo: -128, hi: 127 };

    fn model(product: i128, shift: u8, clamp: Clamp) -> i32 {
        (product >> shift).clamp(i128::from(clamp.lo), i128::from(clamp.hi)) as i32
    }

    #[test]
    fn requantize_equals_the_wide_model_at_every_shift_and_edge() {
        for shift in 0..=MAX_REQUANT_SHIFT {
            for acc in EDGES {
                for m in EDGES.into_iter().filter(|&m| m >= 1) {
                    for clamp in [FULL, BYTE, Clamp { lo: 0, hi: 15 }] {
                        let expected = model(i128::from(acc) * i128::from(m), shift, clamp);
                        assert_eq!(requantize(acc, m, shift, clamp), expected, "{acc} {m} {shift}");
                        for other in [-32_768, -128, 0, 127, 32_767] {
                            let sum = i128::from(acc) * i128::from(m) + i128::from(other) * i128::from(m);
                            let got = requantize_sum(acc, m, other, m, shift, clamp);
                            assert_eq!(got, model(sum, shift, clamp), "{acc} {m} {other} {shift}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn products_of_halves_are_products() {
        let near = |edge: i32| (-2..=2).map(move |offset| edge.wrapping_add(offset));
        let values =
            || (0..32).map(|bit| 1i32 << bit).chain(EDGES).flat_map(near).flat_map(|v| [v, v.wrapping_neg()]);
        for a in values() {
            for b in values() {
                assert_eq!(product_of_halves(a, b), i64::from(a) * i64::from(b), "{a} {b}");
            }
        }
    }

    #[test]
    fn rescale_wraps_like_two_complement_words() {
        for shift in 0..=MAX_RESCALE_SHIFT {
            for q in [-32_768, -128, -1, 0, 1, 15, 127, 32_767] {
                for m in EDGES {
                    for r in EDGES {
                        let wrapped = (i128::from(q) * i128::from(m) + i128::from(r)) as i32;
                        let expected = model(i128::from(wrapped), shift, BYTE);
                        assert_eq!(rescale(q, m, r, shift, BYTE), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_sum_of_two_is_exact_within_32_bits() {
        for (a, b) in [(-128, 127), (127, 127), (-32_768, -32_768), (15, -128)] {
            for (ma, mb) in [(32_767, -32_768), (1, 1), (12_345, 321)] {
                for shift in [0, 1, 7, 20, 31] {
                    let sum = (i128::from(a) * i128::from(ma) + i128::from(b) * i128::from(mb) + 99) as i32;
                    let expected = model(i128::from(sum), shift, FULL);
                    assert_eq!(rescale_sum(a, ma, b, mb, 99, shift, FULL), expected);
                }
            }
        }
    }
}
