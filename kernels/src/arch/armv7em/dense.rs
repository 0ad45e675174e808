//! Fully connected layer: one widened column, four outputs at a time.

use core::cell::Cell;

use super::bytes::clamp_bytes;
use super::column::{Columns, scratch_bytes};
use super::product::{Bytes, Output};
use super::stream::{self, Stream};
use crate::generic::column::widen;
use crate::generic::finish::Finish;
use crate::layout::dsp::{Blocks, DENSE_CHANNELS};
use crate::linked;
use crate::op::Dense;
use crate::scratch::{small, take};
use crate::{KernelError, Layout, Tensor, TensorSpec};

/// Scratch of [`dense`]: see [`Dense::scratch_bytes`]. Bytes are widened from where they lie but for a rest.
pub(crate) fn scratch(op: &Dense, x: &TensorSpec) -> usize {
    let blocks = op.blocks(x, 0);
    scratch_bytes(&blocks, 1, usize::from(!direct(x, &blocks)))
}

/// Whether the input can be widened without staging.
fn direct(x: &TensorSpec, blocks: &Blocks) -> bool {
    x.dtype.is_bytes() && blocks.fits() && blocks.padded_row() == blocks.row_len
}

/// Whether [`dense`] finishes all results in its products; `op` and its operands are checked.
pub fn finishes(op: &Dense, residual: bool, x: &TensorSpec, y: &TensorSpec) -> bool {
    let blocks = op.blocks(x, usize::from(y.dims.c));
    op.accumulate.layout == Layout::Dsp && stream::finishes(&blocks, &op.accumulate, residual, y)
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
    let need = op.scratch_bytes(&x.spec());
    let scratch = take(scratch, need)?;
    let channels = usize::from(y.spec().dims.c);
    let blocks = op.blocks(&x.spec(), channels);
    let stream = Stream::new(&blocks, op.accumulate.weights).ok_or(KernelError::InvalidAlignment)?;
    let columns = Columns::<1>::new(&blocks, stream.folded, scratch).ok_or(small(scratch, need))?;
    let mut filler = columns.filler();
    if direct(&x.spec(), &blocks) {
        filler.push([x.cells()]);
    } else {
        stage(x, columns.stage(0));
        filler.push([columns.stage(0)]);
    }
    let [sum] = filler.finish();
    let mut first = 0;
    let plain = residual.is_none() && y.spec().dtype.is_bytes();
    if let (true, Some(shift)) = (plain, stream.shift(op.accumulate.shift)) {
        let whole = channels >> DENSE_CHANNELS.ilog2();
        let bytes = Bytes { multipliers: op.accumulate.multipliers, shift, out: y.cells() };
        stream.product(&columns, 0, whole).dense(sum, &Output::Bytes(bytes));
        clamp_bytes(y.cells(), op.accumulate.clamp);
        first = whole * DENSE_CHANNELS;
    }
    let finish = Finish::new(&op.accumulate, y, residual, (0, 0));
    let cells = [const { Cell::new(0) }; DENSE_CHANNELS];
    while linked::WIDE && first < channels {
        let block = first >> DENSE_CHANNELS.ilog2();
        if stream.folded {
            stream.product(&columns, block, 1).dense(sum, &Output::Accumulators(&cells));
            stream.scale(&cells);
        } else {
            stream.chunked(&columns, block, &cells, |product, [sum], out| {
                product.dense(sum, &Output::Accumulators(out));
            });
        }
        for (i, cell) in cells.iter().enumerate().take(channels - first) {
            let bias = if stream.folded { 0 } else { finish.bias(first + i) };
            finish.store(first + i, cell.get().wrapping_add(bias));
        }
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
