//! Convolution of any kernel as products of strips of two pixels. The column of a 1x1 kernel is the pixel.

use core::cell::Cell;

use super::bytes::behind;
use super::column::{Taps, scratch_bytes};
use super::product::{End, PIXELS, SUMS, Strip};
use crate::generic::finish::Finish;
use crate::layout::mve::{CHANNELS, block_bytes};
use crate::op::Conv2d;
use crate::scratch::{small, take};
use crate::{KernelError, Layout, Tensor};

/// Channels whose accumulators are finished together.
const BATCH: usize = 8 * CHANNELS;

/// Scratch of [`conv2d`]: see [`Conv2d::scratch_bytes`].
pub(crate) fn scratch(op: &Conv2d) -> usize {
    op.column_len().map_or(usize::MAX, |row_len| scratch_bytes(row_len, PIXELS))
}

/// Convolution of one group with weights in layout `mve`, see [`Conv2d`].
///
/// # Errors
/// Those of [`Conv2d::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in another layout.
#[inline(never)]
pub fn conv2d(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.accumulate.layout != Layout::Mve || op.groups != 1 {
        return Err(KernelError::UnsupportedLayout);
    }
    let need = op.scratch_bytes();
    let stage = take(scratch, need)?;
    let row_len = op.column_len().ok_or(KernelError::InvalidShape)?;
    let (first, second) = stage.split_at_checked(need >> 1).ok_or(small(stage, need))?;
    let taps = Taps::new(x, op, row_len, y);
    let same_type = residual.is_none_or(|r| r.spec().dtype == y.spec().dtype);
    let (rows, columns, channels) = y.spec().dims.hwc();
    let accumulate = &op.accumulate;
    let fast = super::stores(accumulate, residual.map(|r| r.spec().dtype), y.spec().dtype);
    // Channels that products store themselves.
    let stored = if fast { channels & !(CHANNELS - 1) } else { 0 };
    let end = End::bytes(accumulate, residual.is_some());
    let kind = (accumulate.weight_bits, row_len);
    let mut strip = Strip::new(kind, accumulate.weights, accumulate.bias, end, stored >> 2);
    let descends = op.descends(&x.spec(), &y.spec());
    for step in 0..rows {
        let oy = if descends { rows - 1 - step } else { step };
        let mut done = 0;
        while done < columns {
            // A narrower result over its residual would overtake the residual's next pixel within a strip.
            let count = if same_type && done + 1 < columns { PIXELS } else { 1 };
            let ox = if descends { columns - done - count } else { done };
            let pixels = [(oy, ox), (oy, ox + count - 1)];
            let a = taps.column(pixels[0], first);
            let b = if count == PIXELS { taps.column(pixels[1], second) } else { a };
            let start = (oy * columns + ox) * channels;
            let starts = [start, start + (count - 1) * channels];
            strip.run(
                [a, b],
                starts.map(|at| behind(y, at)),
                residual.map(|r| starts.map(|at| behind(r, at))),
            );
            if stored < channels {
                let pixels = pixels.get(..count).unwrap_or(&[]);
                finish([a, b], op, row_len, pixels, residual, y, stored);
            }
            done += count;
        }
    }
    Ok(())
}

/// Results of the channels from `first` on, a multiple of four, by way of their accumulators.
#[inline(never)]
fn finish(
    columns: [&[Cell<u8>]; PIXELS],
    op: &Conv2d,
    row_len: usize,
    pixels: &[(usize, usize)],
    residual: Option<&Tensor>,
    y: &Tensor,
    mut first: usize,
) {
    let accumulate = &op.accumulate;
    let channels = usize::from(y.spec().dims.c);
    let sums = [const { Cell::new(0) }; BATCH * PIXELS];
    let block_bytes = block_bytes(accumulate.weight_bits, row_len);
    while first < channels {
        let bias = accumulate.bias.get(first..).unwrap_or(&[]);
        let mut last = [0; CHANNELS];
        last.iter_mut().zip(bias).for_each(|(last, bias)| *last = *bias);
        let bias = if bias.len() < CHANNELS { &last } else { bias };
        let count = (bias.len() & !(CHANNELS - 1)).min(BATCH);
        let weights = accumulate.weights.get((first >> 2) * block_bytes..).unwrap_or(&[]);
        let end = End::Accumulators(&sums);
        Strip::new((accumulate.weight_bits, row_len), weights, bias, end, count >> 2).run(
            columns,
            [&[]; PIXELS],
            None,
        );
        for (p, &pixel) in pixels.iter().enumerate() {
            let finish = Finish::new(accumulate, y, residual, pixel);
            for i in 0..count.min(channels - first) {
                let sum = sums.get((i >> 2) * SUMS + p * CHANNELS + (i & 3));
                finish.store(first + i, sum.map_or(0, Cell::get));
            }
        }
        first += count;
    }
}
