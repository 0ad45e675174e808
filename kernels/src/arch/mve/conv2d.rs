//! Convolution of any kernel as products of strips of two pixels. The column of a 1x1 kernel is the pixel.

use core::cell::Cell;

use super::column::{Taps, scratch_bytes};
use super::product::{Output, PIXELS, SUMS, Strip};
use super::requantize::{Accumulators, BATCH};
use crate::layout::mve::{CHANNELS, block_bytes};
use crate::op::Conv2d;
use crate::scratch::{small, take};
use crate::{KernelError, Layout, Tensor};

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
    let fast = super::stores(&op.accumulate, residual.is_some(), y.spec().dtype);
    let (rows, columns, _) = y.spec().dims.hwc();
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
            if fast {
                bytes([a, b], op, row_len, pixels, y);
            } else {
                let pixels = if count == PIXELS { &pixels[..] } else { &pixels[..1] };
                finish([a, b], op, row_len, pixels, residual, y, 0);
            }
            done += count;
        }
    }
    Ok(())
}

/// Results without residual at shift 32.
#[inline(always)]
fn bytes(
    columns: [&[Cell<u8>]; PIXELS],
    op: &Conv2d,
    row_len: usize,
    pixels: [(usize, usize); PIXELS],
    y: &Tensor,
) {
    let accumulate = &op.accumulate;
    let channels = usize::from(y.spec().dims.c);
    let strip = Strip::new((accumulate.weight_bits, row_len), columns, accumulate.weights, accumulate.bias);
    strip.run(
        channels >> 2,
        &Output::Bytes {
            multipliers: accumulate.multipliers,
            clamp: accumulate.clamp,
            y: pixels.map(|(h, w)| y.pixel(h, w)),
        },
    );
    let rest = channels & !(CHANNELS - 1);
    if rest < channels {
        finish(columns, op, row_len, &pixels, None, y, rest);
    }
}

/// Results of the channels from `first` on, a multiple of four, by way of their accumulators.
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
        Strip::new((accumulate.weight_bits, row_len), columns, weights, bias)
            .run(count >> 2, &Output::Accumulators(&sums));
        for (p, &pixel) in pixels.iter().enumerate() {
            Accumulators {
                sums: sums.get(p * CHANNELS..(count >> 2) * SUMS).unwrap_or(&[]),
                apart: true,
                first,
                channels: count.min(channels - first),
            }
            .store(accumulate, y, residual, pixel);
        }
        first += count;
    }
}
