//! Results of four channels at once where they are bytes without a residual, at the usual shift; else one by one.

use core::cell::Cell;

use super::product::Results;
use crate::arch::armv7em::bytes::clamp_bytes;
use crate::generic::finish::Finish;
use crate::numerics::requantize;
use crate::op::Accumulate;
use crate::{Dtype, Tensor};

/// Channels that are finished together.
pub(super) const FOUR: usize = 4;

/// Smallest shift at which the high word of a product holds the result.
pub(super) const SHIFT: u8 = 32;

/// Whether products of a convolution or a dense layer store results of this type themselves. Others are finished one by
/// one, but for those of narrow weights at smaller shifts on Armv6-M and Armv7-M.
pub fn stores(accumulate: &Accumulate, residual: bool, y: Dtype) -> bool {
    !residual && y == Dtype::I8 && accumulate.shift >= SHIFT
}

/// Results of four channels of one pixel, bytes at a shift of at least 32 without a residual: what products store
/// themselves, before the clamp.
pub(super) struct Bytes<'a> {
    accumulate: &'a Accumulate<'a>,
    y: &'a Tensor<'a>,
}

impl<'a> Bytes<'a> {
    /// `None` where results are others.
    #[inline(always)]
    pub(super) fn new(
        accumulate: &'a Accumulate<'a>,
        y: &'a Tensor<'a>,
        residual: Option<&Tensor<'a>>,
    ) -> Option<Self> {
        stores(accumulate, residual.is_some(), y.spec().dtype).then_some(Self { accumulate, y })
    }

    /// Constants of all whole blocks of four channels.
    pub(super) fn results(&self) -> Results<'a> {
        let Accumulate { bias, multipliers, shift, .. } = *self.accumulate;
        Results { bias: bias.as_chunks().0, multipliers: multipliers.as_chunks().0, shift: shift - SHIFT }
    }

    /// Limits all results.
    pub(super) fn clamp(&self) {
        clamp_bytes(self.y.cells(), self.accumulate.clamp);
    }
}

/// One pixel of a result.
pub(super) struct Pixel<'a> {
    accumulate: &'a Accumulate<'a>,
    finish: Finish<'a>,
    /// Its bytes where four results are stored at once; else none.
    bytes: &'a [Cell<u8>],
}

/// Four entries from `first` on.
#[inline(always)]
pub(super) fn four<T>(all: &[T], first: usize) -> Option<&[T; FOUR]> {
    all.get(first..).and_then(|rest| rest.first_chunk())
}

impl<'a> Pixel<'a> {
    #[inline(always)]
    pub(super) fn new(
        accumulate: &'a Accumulate<'a>,
        y: &Tensor<'a>,
        residual: Option<&Tensor<'a>>,
        at: (usize, usize),
    ) -> Self {
        let fast = residual.is_none() && y.spec().dtype == Dtype::I8 && accumulate.shift == SHIFT;
        let bytes = if fast { y.pixel(at.0, at.1) } else { &[] };
        Self { accumulate, finish: Finish::new(accumulate, y, residual, at), bytes }
    }

    /// Stores the results of `sums`, which have no bias yet, for channels from `first` on.
    #[inline(always)]
    pub(super) fn store(&self, first: usize, sums: [i32; FOUR]) {
        let Accumulate { bias, multipliers, clamp, .. } = *self.accumulate;
        let (Some(out), Some(bias), Some(multipliers)) =
            (four(self.bytes, first), four(bias, first), four(multipliers, first))
        else {
            return sums.into_iter().enumerate().for_each(|(i, sum)| self.store_one(first + i, sum));
        };
        for (((out, sum), bias), multiplier) in out.iter().zip(sums).zip(bias).zip(multipliers) {
            out.set(requantize(sum.wrapping_add(*bias), *multiplier, SHIFT, clamp) as u8);
        }
    }

    /// Stores one result.
    #[inline(always)]
    pub(super) fn store_one(&self, channel: usize, sum: i32) {
        self.finish.store(channel, sum.wrapping_add(self.finish.bias(channel)));
    }
}
