//! From accumulators to bytes where the product's high word is not the result: any shift, and a residual.
//!
//! A result is `clamp((hi * 2^32 + lo) >> s)`. With `t = 32 - s` that is `hi * 2^t + (lo >> s)`. The second term has
//! no sign and, where t is positive, no bit in common with the first, so a bitwise OR adds them. The shift of `hi`
//! saturates; for `s >= 2` the second term is below 2^30, so that a `hi` that does not fit stays outside every clamp
//! with it.

use core::cell::Cell;

use crate::Dtype;
use crate::Tensor;
use crate::generic::finish::Finish;
use crate::layout::mve::CHANNELS;
use crate::op::Accumulate;

use super::product::SUMS;

/// Smallest shift of vectors.
pub(super) const MIN_SHIFT: u8 = 2;

/// Channels whose accumulators are finished together.
pub(super) const BATCH: usize = 8 * CHANNELS;

/// Accumulators of whole blocks of one pixel.
pub(super) struct Accumulators<'a> {
    /// Four for each block, [`SUMS`] apart or, of a dense layer, one behind the other.
    pub(super) sums: &'a [Cell<i32>],
    pub(super) apart: bool,
    /// First channel.
    pub(super) first: usize,
    pub(super) channels: usize,
}

impl Accumulators<'_> {
    fn get(&self, i: usize) -> i32 {
        let place = if self.apart { (i >> 2) * SUMS + (i & 3) } else { i };
        self.sums.get(place).map_or(0, Cell::get)
    }

    /// Stores the results of pixel `at`.
    pub(super) fn store(
        &self,
        accumulate: &Accumulate,
        y: &Tensor,
        residual: Option<&Tensor>,
        at: (usize, usize),
    ) {
        let bytes = |tensor: &Tensor| tensor.spec().dtype == Dtype::I8;
        let mut done = 0;
        if bytes(y) && residual.is_none_or(bytes) && accumulate.shift >= MIN_SHIFT {
            let blocks = self.channels >> 2;
            let from = |pixel: &'_ [Cell<u8>]| pixel.len().saturating_sub(self.first) >> 2;
            let out = y.pixel(at.0, at.1);
            let other = residual.map(|tensor| tensor.pixel(at.0, at.1));
            let multipliers = accumulate.multipliers.get(self.first..).unwrap_or(&[]);
            let sums = if self.apart {
                (self.sums.len() + SUMS - CHANNELS) >> SUMS.trailing_zeros()
            } else {
                self.sums.len() >> 2
            };
            let room = sums.min(from(out)).min(multipliers.len() >> 2);
            if blocks > 0 && blocks <= room && other.is_none_or(|pixel| blocks <= from(pixel)) {
                imp::blocks(self, accumulate, multipliers, other, out, blocks);
                done = blocks << 2;
            }
        }
        let finish = Finish::new(accumulate, y, residual, at);
        for i in done..self.channels {
            finish.store(self.first + i, self.get(i));
        }
    }
}

#[cfg(mve)]
use super::requantize_asm as imp;

#[cfg(not(mve))]
mod imp {
    //! The same by the definition.

    use core::cell::Cell;

    use super::Accumulators;
    use crate::numerics::requantize_terms;
    use crate::op::Accumulate;

    pub(super) fn blocks(
        accumulators: &Accumulators,
        accumulate: &Accumulate,
        multipliers: &[i32],
        residual: Option<&[Cell<u8>]>,
        out: &[Cell<u8>],
        blocks: usize,
    ) {
        let Accumulate { shift, clamp, residual_multiplier, .. } = *accumulate;
        for i in 0..blocks << 2 {
            let (acc, c) = (accumulators.get(i), accumulators.first + i);
            let multiplier = multipliers.get(i).copied().unwrap_or(0);
            let other = residual.map(|pixel| pixel.get(c).map_or(0, |byte| i32::from(byte.get() as i8)));
            let other = other.map(|other| (other, residual_multiplier));
            let value = requantize_terms(acc, multiplier, other, shift, clamp);
            if let Some(cell) = out.get(c) {
                cell.set(value as u8);
            }
        }
    }
}
