//! Fully connected layer: one widened column, four outputs at a time.

use core::cell::Cell;

use super::bytes::{clamp_bytes, fill};
use super::dense_product::DenseProduct;
use super::product::{Bytes, Output};
use super::stream::{self, Stream, high_shift};
use super::vector::{Terms, Vector, scratch_bytes};
use crate::generic::column::widen;
use crate::generic::finish::Finish;
use crate::layout::dsp::{DENSE_CHANNELS, Sizes};
use crate::linked;
use crate::op::{Accumulate, Dense, Packed};
use crate::scratch::{small, take};
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec, WeightBits};

/// Scratch of [`dense`]: see [`Dense::scratch_bytes`].
pub(crate) fn scratch(op: &Dense, x: &TensorSpec) -> usize {
    op.blocks(x, 0).sizes().map_or(usize::MAX, |sizes| needed(x, &sizes))
}

/// The same of known sizes. Bytes are widened from where they lie but for a rest.
#[inline(always)]
fn needed(x: &TensorSpec, sizes: &Sizes) -> usize {
    scratch_bytes(sizes, usize::from(!direct(x, sizes)))
}

/// Whether the input can be widened without staging.
#[inline(always)]
fn direct(x: &TensorSpec, sizes: &Sizes) -> bool {
    x.dtype.is_bytes() && sizes.padded_row == sizes.blocks.row_len
}

/// Whether [`dense`] finishes all results without what the feature `wide` links: in its products, or as 16-bit words of
/// weights that hold their biases. `op` and its operands are checked.
pub fn finishes(op: &Dense, residual: bool, x: &TensorSpec, y: &TensorSpec) -> bool {
    let (blocks, accumulate) = (op.blocks(x, usize::from(y.dims.c)), &op.accumulate);
    let words = linked::I16 && y.dtype == Dtype::I16 && !residual;
    accumulate.layout == Layout::Dsp
        && (stream::finishes(&blocks, accumulate, residual, y)
            || words && stream::folded(&blocks, accumulate).is_some())
}

/// Whether products store results of these types themselves, where weights hold their biases: bytes without a residual.
/// Others go through accumulators in memory.
pub fn stores(accumulate: &Accumulate, residual: bool, y: Dtype) -> bool {
    plain(residual, y) && high_shift(accumulate.weight_bits, accumulate.shift).is_some()
}

fn plain(residual: bool, y: Dtype) -> bool {
    !residual && y.is_bytes()
}

/// Fully connected layer with weights in layout `dsp`, see [`Dense`].
///
/// # Errors
/// Those of [`Dense::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in rows.
#[inline(never)]
pub fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    if op.accumulate.layout != Layout::Dsp {
        return Err(KernelError::UnsupportedLayout);
    }
    let (x_spec, y_spec) = (x.spec(), y.spec());
    let channels = usize::from(y_spec.dims.c);
    let sizes = op.blocks(&x_spec, channels).sizes().ok_or(KernelError::InvalidShape)?;
    let weights = Packed { bytes: sizes.bytes(), words: true };
    op.fits_packed(&x_spec, residual.map(|r| r.spec()).as_ref(), &y_spec, weights)?;
    let scratch = take(scratch, needed(&x_spec, &sizes))?;
    let (stream, vector) = parts(op, &sizes, scratch)?;
    let input = if direct(&x_spec, &sizes) { x.cells() } else { stage(x, vector.stage) };
    let terms = vector.fill(input, !stream.folded);
    let mut first = 0;
    if let (true, Some(shift)) = (plain(residual.is_some(), y_spec.dtype), stream.shift(op.accumulate.shift))
    {
        let blocks = channels >> DENSE_CHANNELS.ilog2();
        let bytes = Bytes { multipliers: op.accumulate.multipliers, shift, out: y.cells() };
        let (weights, column) = (stream.weights_from(0), vector.words);
        DenseProduct { weights, column, terms, blocks }.run(&Output::Bytes(bytes));
        clamp_bytes(y.cells(), op.accumulate.clamp);
        first = blocks * DENSE_CHANNELS;
    }
    if (linked::WIDE || linked::I16) && first < channels {
        let (stream, vector) = parts(op, &sizes, scratch)?;
        rest((&stream, &vector), (terms, first), residual, op, y);
    }
    Ok(())
}

/// Weights and column of a layer in checked scratch.
#[inline(always)]
fn parts<'a>(
    op: &Dense<'a>,
    sizes: &Sizes,
    scratch: &'a [Cell<u8>],
) -> Result<(Stream<'a>, Vector<'a>), KernelError> {
    let stream = Stream::new(sizes, op.accumulate.weights).ok_or(KernelError::InvalidAlignment)?;
    let vector = Vector::new(sizes, scratch).ok_or(small(scratch, scratch.len()))?;
    Ok((stream, vector))
}

/// Results from channel `first` on by way of their accumulators.
#[inline(never)]
fn rest(
    (stream, vector): (&Stream, &Vector),
    (terms, mut first): (Terms, usize),
    residual: Option<&Tensor>,
    op: &Dense,
    y: &Tensor,
) {
    let channels = usize::from(y.spec().dims.c);
    let finish = Finish::new(&op.accumulate, y, residual, (0, 0));
    let cells = [const { Cell::new(0) }; DENSE_CHANNELS];
    while first < channels {
        let block = first >> DENSE_CHANNELS.ilog2();
        if stream.folded {
            let (weights, column) = (stream.weights_from(block), vector.words);
            DenseProduct { weights, column, terms, blocks: 1 }.run(&Output::Accumulators(&cells));
            stream.scale(&cells);
        } else {
            stream.chunked(block, &cells, |weights, (chunk, before), out| {
                let column = vector.words.get(before >> 1..).unwrap_or(&[]);
                let terms =
                    if weights.bits.linked() == WeightBits::W8 { vector.terms_of(chunk) } else { terms };
                DenseProduct { weights, column, terms, blocks: 1 }.run(&Output::Accumulators(out));
            });
        }
        for (i, cell) in cells.iter().enumerate().take(channels - first) {
            let bias = if stream.folded { 0 } else { finish.bias(first + i) };
            finish.store(first + i, cell.get().wrapping_add(bias));
        }
        first += DENSE_CHANNELS;
    }
}

/// All elements as bytes, zeros behind.
#[inline(never)]
fn stage<'s>(x: &Tensor, staged: &'s [Cell<u8>]) -> &'s [Cell<u8>] {
    let mut out = staged;
    let (rows, columns, channels) = x.spec().dims.hwc();
    for h in 0..rows {
        for w in 0..columns {
            let (pixel, behind) = out.split_at_checked(channels).unwrap_or((&[], &[]));
            widen(x.pixel(h, w), x.spec().dtype, 0, pixel);
            out = behind;
        }
    }
    fill(out, 0);
    staged
}
