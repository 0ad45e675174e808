//! Dot product of widened activations with a row of packed weights, in wrapping 32-bit arithmetic.

use core::cell::Cell;

use crate::WeightBits;

/// `sum(column[i] * weight[i])`; activations are bytes in two's complement.
#[inline(always)]
pub(super) fn dot(column: &[Cell<u8>], row: &[u8], bits: WeightBits) -> i32 {
    match bits.linked() {
        WeightBits::W8 => dot8(column, row),
        WeightBits::W4 => dot4(column, row),
        WeightBits::W2 => dot2(column, row),
    }
}

#[inline(always)]
fn product(x: &Cell<u8>, weight: i8) -> i32 {
    i32::from(x.get() as i8) * i32::from(weight)
}

#[inline(always)]
fn dot8(column: &[Cell<u8>], row: &[u8]) -> i32 {
    column.iter().zip(row).fold(0i32, |sum, (x, &w)| sum.wrapping_add(product(x, w as i8)))
}

#[inline(always)]
fn dot4(column: &[Cell<u8>], row: &[u8]) -> i32 {
    let (pairs, rest) = column.as_chunks::<2>();
    let sum = pairs.iter().zip(row).fold(0i32, |sum, ([x0, x1], &w)| {
        let pair = product(x0, ((w << 4) as i8) >> 4) + product(x1, (w as i8) >> 4);
        sum.wrapping_add(pair)
    });
    match (rest, row.last()) {
        ([x], Some(&w)) => sum.wrapping_add(product(x, ((w << 4) as i8) >> 4)),
        _ => sum,
    }
}

#[inline(always)]
fn dot2(column: &[Cell<u8>], row: &[u8]) -> i32 {
    let (quads, rest) = column.as_chunks::<4>();
    let sum = quads.iter().zip(row).fold(0i32, |sum, ([x0, x1, x2, x3], &w)| {
        let quad = product(x0, ((w << 6) as i8) >> 6)
            + product(x1, ((w << 4) as i8) >> 6)
            + product(x2, ((w << 2) as i8) >> 6)
            + product(x3, (w as i8) >> 6);
        sum.wrapping_add(quad)
    });
    let Some(&last) = row.last() else { return sum };
    rest.iter()
        .zip([6u32, 4, 2])
        .fold(sum, |sum, (x, shift)| sum.wrapping_add(product(x, ((last << shift) as i8) >> 6)))
}
