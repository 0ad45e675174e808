//! Fully connected layer: eight outputs at a time.

use core::cell::Cell;

use super::bytes::{gather, unpack};
use super::column::scratch_bytes;
use super::product::{End, SUMS, dense as product};
use crate::generic::finish::Finish;
use crate::layout::mve::{self, LANES, block_bytes};
use crate::op::{Accumulate, Dense, Packed};
use crate::scratch::take;
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec};

/// Channels whose accumulators are finished together.
const BATCH: usize = 4 * SUMS;

/// Scratch of [`dense`]: see [`Dense::scratch_bytes`]. Whole vectors of bytes are read where they lie.
pub(crate) fn scratch(x: &TensorSpec) -> usize {
    let (h, w, c) = x.dims.hwc();
    needed(x, crate::size::product(h * w, c).unwrap_or(usize::MAX))
}

/// The same of a known length.
#[inline(always)]
fn needed(x: &TensorSpec, row_len: usize) -> usize {
    if direct(x, row_len) { 0 } else { scratch_bytes(row_len, 1) }
}

fn direct(x: &TensorSpec, row_len: usize) -> bool {
    x.dtype == Dtype::I8 && row_len & (LANES - 1) == 0
}

/// Fully connected layer with weights in layout `mve`, see [`Dense`].
///
/// # Errors
/// Those of [`Dense::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in another layout.
#[inline(never)]
pub fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    if op.accumulate.layout != Layout::Mve {
        return Err(KernelError::UnsupportedLayout);
    }
    let (x_spec, y_spec) = (x.spec(), y.spec());
    let (rows, columns, deep) = x_spec.dims.hwc();
    // No overflow on a 32-bit device: the bytes of a tensor hold two elements at most.
    let (row_len, channels) = (rows * columns * deep, usize::from(y_spec.dims.c));
    let accumulate = &op.accumulate;
    let bits = accumulate.weight_bits;
    let weights = Packed { bytes: mve::bytes(bits, channels, row_len), words: false };
    op.fits_packed(&x_spec, residual.map(|r| r.spec()).as_ref(), &y_spec, weights)?;
    let stage = take(scratch, needed(&x_spec, row_len))?;
    let input = if direct(&x.spec(), row_len) {
        x.cells()
    } else {
        fill(x, stage);
        stage
    };
    let mut first = 0;
    if residual.is_none() && y_spec.dtype.is_bytes() && accumulate.shift == 32 {
        first = bytes(input, row_len, accumulate, (None, y));
    } else if super::stores(accumulate, residual.map(|r| r.spec().dtype), y_spec.dtype) {
        first = wide(input, row_len, accumulate, (residual, y));
    }
    if first < channels {
        rest(input, (row_len, first), residual, op, y);
    }
    Ok(())
}

/// Whole pairs of blocks that products store themselves; gives the first channel behind them.
#[inline(always)]
fn bytes(
    input: &[Cell<u8>],
    row_len: usize,
    accumulate: &Accumulate,
    (residual, y): (Option<&Tensor>, &Tensor),
) -> usize {
    let pairs = usize::from(y.spec().dims.c) >> SUMS.trailing_zeros();
    product(
        (accumulate.weight_bits, row_len),
        input,
        (accumulate.weights, false, accumulate.bias),
        (End::bytes(accumulate, residual.is_some()), pairs),
        y.cells(),
        residual.map(|tensor| tensor.cells()),
    );
    pairs * SUMS
}

/// [`bytes`] with a residual or another shift than 32: apart, so that it costs the usual case nothing.
#[inline(never)]
fn wide(
    input: &[Cell<u8>],
    row_len: usize,
    accumulate: &Accumulate,
    tensors: (Option<&Tensor>, &Tensor),
) -> usize {
    bytes(input, row_len, accumulate, tensors)
}

/// Results from channel `first` on by way of their accumulators.
#[inline(never)]
fn rest(
    input: &[Cell<u8>],
    (row_len, mut first): (usize, usize),
    residual: Option<&Tensor>,
    op: &Dense,
    y: &Tensor,
) {
    let accumulate = &op.accumulate;
    let bits = accumulate.weight_bits;
    let channels = usize::from(y.spec().dims.c);
    let sums = [const { Cell::new(0) }; BATCH];
    let block_bytes = block_bytes(bits, row_len);
    while first < channels {
        let bias = accumulate.bias.get(first..).unwrap_or(&[]);
        let mut last = [0; SUMS];
        last.iter_mut().zip(bias).for_each(|(last, bias)| *last = *bias);
        let bias = if bias.len() < SUMS { &last } else { bias };
        let count = (bias.len() & !(SUMS - 1)).min(BATCH);
        let weights = accumulate.weights.get((first >> 2) * block_bytes..).unwrap_or(&[]);
        let end = (End::Accumulators(&sums), count >> SUMS.trailing_zeros());
        product((bits, row_len), input, (weights, weights.len() < 2 * block_bytes, bias), end, &[], None);
        let finish = Finish::new(accumulate, y, residual, (0, 0));
        for (i, sum) in sums.iter().enumerate().take(count.min(channels - first)) {
            finish.store(first + i, sum.get());
        }
        first += count;
    }
}

/// All elements as bytes.
fn fill(x: &Tensor, mut out: &[Cell<u8>]) {
    let (rows, columns, channels) = x.spec().dims.hwc();
    if x.spec().dtype == Dtype::I8 {
        return gather(x.cells(), 0, 1, x.cells().len(), out);
    }
    for h in 0..rows {
        for w in 0..columns {
            // Of an odd number of channels one nibble too many: the next pixel lies over it.
            unpack(x.pixel(h, w), out);
            out = out.get(channels..).unwrap_or(&[]);
        }
    }
}
