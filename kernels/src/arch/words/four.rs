//! Results of four channels at once where they are bytes without a residual, at the usual shift; else one by one.

use core::cell::Cell;

use super::product::Results;
use crate::arch::Core;
use crate::arch::armv7em::bytes::clamp_bytes;
use crate::generic::finish::Finish;
use crate::numerics::requantize;
use crate::op::Accumulate;
use crate::{Dtype, Tensor, WeightBits};

/// Channels that are finished together.
pub(super) const FOUR: usize = 4;

/// Smallest shift at which the high word of a product holds the result.
pub(super) const SHIFT: u8 = 32;

/// Whether products of weights of 8 bits store results of this type themselves, where the core has instructions for that.
fn stores(accumulate: &Accumulate, residual: bool, y: Dtype) -> bool {
    !residual && y == Dtype::I8 && accumulate.shift >= SHIFT
}

/// Whether [`Pixel::store`] stores four results of this type at once.
#[inline(always)]
fn stores_four(accumulate: &Accumulate, residual: bool, y: Dtype) -> bool {
    !residual && y == Dtype::I8 && accumulate.shift == SHIFT
}

/// Base-2 logarithm of the factor for accumulators of 4- and 2-bit weights that makes a step's shift at least 32, where its
/// results are bytes without a residual; `None` where they are not, or an accumulator of `row_len` products could leave 32
/// bits. Accumulator, product and shift grow alike, so the result is the same.
pub(super) fn stored_scale(accumulate: &Accumulate, residual: bool, y: Dtype, row_len: usize) -> Option<u32> {
    if residual || y != Dtype::I8 {
        return None;
    }
    let scale = u32::from(SHIFT.saturating_sub(accumulate.shift));
    if scale == 0 {
        return Some(0);
    }
    let product = 6 + accumulate.weight_bits.bits();
    let sum = i32::try_from(row_len).ok().filter(|&inputs| inputs <= i32::MAX >> product)? << product;
    let largest = (i32::MAX >> scale.min(31)).checked_sub(sum)?;
    accumulate.bias.iter().all(|bias| (-largest..=largest).contains(bias)).then_some(scale)
}

/// Whether 4- and 2-bit weights have kernels of their own on a core.
pub(super) const fn has_narrow(core: Core) -> bool {
    matches!(core, Core::Armv6m | Core::Armv7m)
}

/// Whether a convolution, with `row_len` weights of a channel, finishes its results on a core as its products leave them.
/// Others are finished one by one.
pub fn stores_conv2d(
    accumulate: &Accumulate,
    residual: bool,
    [x, y]: [Dtype; 2],
    row_len: usize,
    core: Core,
) -> bool {
    if has_narrow(core) && accumulate.weight_bits.linked() != WeightBits::W8 {
        return stored_scale(accumulate, residual, y, row_len).is_some();
    }
    match core {
        Core::Armv7m => stores(accumulate, residual, y),
        // Nibbles meet weights in the strips of other cores.
        Core::Armv6m if x == Dtype::I8 => stores(accumulate, residual, y),
        _ => stores_four(accumulate, residual, y),
    }
}

/// The same of a dense layer that [`takes_dense`](super::takes_dense) names.
pub fn stores_dense(accumulate: &Accumulate, residual: bool, y: Dtype, row_len: usize, core: Core) -> bool {
    if has_narrow(core) && accumulate.weight_bits.linked() != WeightBits::W8 {
        return stored_scale(accumulate, residual, y, row_len).is_some();
    }
    stores(accumulate, residual, y)
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
        let fast = stores_four(accumulate, residual.is_some(), y.spec().dtype);
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
