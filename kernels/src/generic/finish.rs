//! From an accumulator to a stored result.

use core::cell::Cell;

use crate::numerics::requantize_terms;
use crate::op::Accumulate;
use crate::tensor::{read, write};
use crate::{Dtype, Tensor};

/// Requantises and stores the channels of one output pixel, in ascending order.
pub(crate) struct Finish<'a> {
    accumulate: &'a Accumulate<'a>,
    pixel: &'a [Cell<u8>],
    dtype: Dtype,
    channels: usize,
    residual: Option<(&'a [Cell<u8>], Dtype)>,
}

impl<'a> Finish<'a> {
    #[inline(always)]
    pub(crate) fn new(
        accumulate: &'a Accumulate<'a>,
        y: &Tensor<'a>,
        residual: Option<&Tensor<'a>>,
        (h, w): (usize, usize),
    ) -> Self {
        Self {
            accumulate,
            pixel: y.pixel(h, w),
            dtype: y.spec().dtype,
            channels: usize::from(y.spec().dims.c),
            residual: residual.map(|r| (r.pixel(h, w), r.spec().dtype)),
        }
    }

    /// Bias of channel `c`: the accumulator starts with it.
    #[inline(always)]
    pub(crate) fn bias(&self, c: usize) -> i32 {
        self.accumulate.bias.get(c).copied().unwrap_or(0)
    }

    // Where a product has two instructions, joining them over inlined copies would leave none of their debug lines.
    #[cfg_attr(not(rv32im), inline(always))]
    #[cfg_attr(rv32im, inline(never))]
    pub(crate) fn store(&self, c: usize, acc: i32) {
        let Accumulate { shift, clamp, residual_multiplier, .. } = *self.accumulate;
        let multiplier = self.accumulate.multipliers.get(c).copied().unwrap_or(0);
        let other = self.residual.map(|(pixel, dtype)| (read(pixel, dtype, c), residual_multiplier));
        let value = requantize_terms(acc, multiplier, other, shift, clamp);
        write(self.pixel, self.dtype, self.channels, c, value);
    }
}
