//! Products of sizes, checked without a 64-bit multiplication: the only one on a device is requantisation's.

/// `a * b`; `None` when the bits of the factors do not rule out a product of 2^31 or more. Every product up
/// to 2^30 of positive factors is there.
#[inline(always)]
pub(crate) const fn product(a: usize, b: usize) -> Option<usize> {
    let bits = (usize::BITS - a.leading_zeros()) + (usize::BITS - b.leading_zeros());
    if bits <= 31 { Some(a * b) } else { None }
}

#[cfg(test)]
mod tests {
    use super::product;

    #[test]
    fn small_products_are_exact_and_large_ones_refused() {
        assert_eq!(product(0, usize::MAX >> 33), Some(0));
        assert_eq!(product(65_535, 32_767), Some(65_535 * 32_767));
        assert_eq!(product(1 << 15, 1 << 14), Some(1 << 29));
        assert_eq!(product(1 << 16, 1 << 15), None);
        assert_eq!(product(usize::MAX, usize::MAX), None);
    }
}
