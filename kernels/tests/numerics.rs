//! Requantisation against a model in 128-bit arithmetic, for any accumulator, multiplier and shift.

use kernels::numerics::{
    Clamp, MAX_REQUANT_SHIFT, MAX_RESCALE_SHIFT, requantize, requantize_sum, rescale, rescale_sum,
};
use proptest::prelude::*;

/// `clamp(floor(value / 2^shift))`.
fn model(value: i128, shift: u8, clamp: Clamp) -> i32 {
    let floor = value.div_euclid(1 << shift);
    floor.clamp(i128::from(clamp.lo), i128::from(clamp.hi)) as i32
}

fn product(a: i32, b: i32) -> i128 {
    i128::from(a) * i128::from(b)
}

fn any_clamp() -> impl Strategy<Value = Clamp> {
    let ordered = (any::<i16>(), any::<i16>()).prop_map(|(a, b)| Clamp { lo: a.min(b), hi: a.max(b) });
    prop_oneof![
        Just(Clamp { lo: i16::MIN, hi: i16::MAX }),
        Just(Clamp { lo: -128, hi: 127 }),
        Just(Clamp { lo: 0, hi: 15 }),
        ordered
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..Default::default() })]

    #[test]
    fn requantize_is_the_model(
        acc: i32, m: i32, shift in 0..=MAX_REQUANT_SHIFT, clamp in any_clamp(),
    ) {
        prop_assert_eq!(requantize(acc, m, shift, clamp), model(product(acc, m), shift, clamp));
    }

    #[test]
    fn requantize_is_the_model_where_a_network_is(
        acc in -100_000..100_000, m in 1 << 20..1 << 28, clamp in any_clamp(),
    ) {
        prop_assert_eq!(requantize(acc, m, 32, clamp), model(product(acc, m), 32, clamp));
    }

    #[test]
    fn a_residual_joins_before_the_shift(
        acc: i32, m: i32, other: i16, r: i32, shift in 0..=MAX_REQUANT_SHIFT, clamp in any_clamp(),
    ) {
        let other = i32::from(other);
        let expected = model(product(acc, m) + product(other, r), shift, clamp);
        prop_assert_eq!(requantize_sum(acc, m, other, r, shift, clamp), expected);
    }

    #[test]
    fn rescale_wraps_before_the_shift(
        q: i32, m: i32, r: i32, shift in 0..=MAX_RESCALE_SHIFT, clamp in any_clamp(),
    ) {
        let word = (product(q, m) + i128::from(r)) as i32;
        prop_assert_eq!(rescale(q, m, r, shift, clamp), model(i128::from(word), shift, clamp));
    }

    #[test]
    fn a_sum_wraps_before_the_shift(
        a: i16, ma: i16, b: i16, mb: i16, r: i32, shift in 0..=MAX_RESCALE_SHIFT, clamp in any_clamp(),
    ) {
        let (a, b) = (i32::from(a), i32::from(b));
        let word = (product(a, i32::from(ma)) + product(b, i32::from(mb)) + i128::from(r)) as i32;
        let got = rescale_sum(a, ma, b, mb, r, shift, clamp);
        prop_assert_eq!(got, model(i128::from(word), shift, clamp));
    }
}
