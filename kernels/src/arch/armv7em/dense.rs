//! Fully connected layer: one widened column, four outputs at a time.

use core::cell::Cell;

use super::bytes::clamp_bytes;
use super::column::{Columns, scratch_bytes, weight_words};
use super::product::{self, stream_words};
use super::simd::{smmul, ssat8};
use crate::generic::column::widen;
use crate::generic::finish::Finish;
use crate::layout::dsp::{DENSE_CHANNELS, chunks};
use crate::op::Dense;
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec};

/// Scratch of [`dense`]: see [`Dense::scratch_bytes`]. Bytes are widened from where they lie but for a rest.
pub(crate) fn scratch(op: &Dense, x: &TensorSpec) -> usize {
    let (h, w, c) = x.dims.hwc();
    let row_len = crate::size::product(h * w, c).unwrap_or(usize::MAX);
    scratch_bytes(op.accumulate.weight_bits, row_len, 1, !direct(x, row_len))
}

/// Whether the input can be widened without staging.
fn direct(x: &TensorSpec, row_len: usize) -> bool {
    x.dtype == Dtype::I8 && row_len & 7 == 0
}

/// Fully connected layer with weights in layout `dsp`, see [`Dense`].
///
/// # Errors
/// Those of [`Dense::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in rows.
pub fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.check(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.accumulate.layout != Layout::Dsp {
        return Err(KernelError::UnsupportedLayout);
    }
    let (need, have) = (op.scratch_bytes(&x.spec()), scratch.len());
    let small = KernelError::InvalidScratch { need: need as u32, have: have as u32 };
    if have < need {
        return Err(small);
    }
    let bits = op.accumulate.weight_bits;
    let (rows, row_pixels, deep) = x.spec().dims.hwc();
    let row_len = rows * row_pixels * deep;
    let columns = Columns::<1>::new(bits, row_len, scratch).ok_or(small)?;
    let weights = weight_words(op.accumulate.weights).ok_or(KernelError::InvalidAlignment)?;
    if direct(&x.spec(), row_len) {
        let mut filler = columns.filler();
        filler.push([x.cells()]);
        filler.finish();
    } else {
        stage(x, columns.stage(0));
        columns.widen_stage();
    }
    let stride = stream_words(bits, row_len, chunks(row_len));
    let channels = usize::from(y.spec().dims.c);
    let finish = Finish::new(&op.accumulate, y, residual, (0, 0));
    let fast = residual.is_none() && y.spec().dtype == Dtype::I8 && op.accumulate.shift == 32;
    let (mut rest, block) = (weights, stride * DENSE_CHANNELS);
    let mut first = 0;
    if fast {
        let biases = op.accumulate.bias.as_chunks::<DENSE_CHANNELS>().0;
        let multipliers = op.accumulate.multipliers.as_chunks::<DENSE_CHANNELS>().0;
        let outputs = y.cells().as_chunks::<DENSE_CHANNELS>().0;
        for ((bias, multipliers), out) in biases.iter().zip(multipliers).zip(outputs) {
            let sums = product::dense(&columns, rest, stride);
            for i in 0..DENSE_CHANNELS {
                out[i].set(ssat8(smmul(sums[i].wrapping_add(bias[i]), multipliers[i])) as u8);
            }
            rest = rest.get(block..).unwrap_or(&[]);
            first += DENSE_CHANNELS;
        }
        clamp_bytes(y.cells(), op.accumulate.clamp);
    }
    while first < channels {
        let sums = product::dense(&columns, rest, stride);
        for (i, sum) in sums.into_iter().enumerate().take(channels - first) {
            finish.store(first + i, sum.wrapping_add(finish.bias(first + i)));
        }
        rest = rest.get(block..).unwrap_or(&[]);
        first += DENSE_CHANNELS;
    }
    Ok(())
}

/// All elements as bytes, zeros behind.
fn stage(x: &Tensor, mut out: &[Cell<u8>]) {
    let (rows, columns, channels) = x.spec().dims.hwc();
    for h in 0..rows {
        for w in 0..columns {
            let (pixel, behind) = out.split_at_checked(channels).unwrap_or((&[], &[]));
            widen(x.pixel(h, w), x.spec().dtype, 0, pixel);
            out = behind;
        }
    }
    out.iter().for_each(|cell| cell.set(0));
}
