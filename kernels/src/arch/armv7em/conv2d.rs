//! Convolution of any kernel as products of strips of three pixels: interior pixels are widened straight from
//! the input, others through staged bytes. A 1x1 kernel is the case whose columns are the pixels.

use core::cell::Cell;

use super::bytes::{clamp_bytes, copy};
use super::column::{Columns, scratch_bytes, weight_words};
use super::product::{BLOCK, Bytes, PIXELS, Strip, stream_words};
use crate::generic::finish::Finish;
use crate::layout::dsp::{CONV_CHANNELS, chunks};
use crate::op::Conv2d;
use crate::tensor::read;
use crate::{Dtype, KernelError, Layout, Tensor, WeightBits};

/// Blocks whose accumulators are finished together.
const BATCH: usize = 8;

/// Scratch of [`conv2d`]: see [`Conv2d::scratch_bytes`].
pub(crate) fn scratch(op: &Conv2d) -> usize {
    let bits = op.accumulate.weight_bits;
    op.column_len().map_or(usize::MAX, |row_len| scratch_bytes(bits, row_len, PIXELS, true))
}

/// Convolution of one group with weights in layout `dsp`, see [`Conv2d`].
///
/// # Errors
/// Those of [`Conv2d::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in rows.
pub fn conv2d(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.check(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.accumulate.layout != Layout::Dsp || op.groups != 1 {
        return Err(KernelError::UnsupportedLayout);
    }
    let (need, have) = (op.scratch_bytes(), scratch.len());
    let small = KernelError::InvalidScratch { need: need as u32, have: have as u32 };
    if have < need {
        return Err(small);
    }
    let bits = op.accumulate.weight_bits;
    let row_len = op.column_len().ok_or(KernelError::InvalidShape)?;
    let columns = Columns::new(bits, row_len, scratch).ok_or(small)?;
    let weights = weight_words(op.accumulate.weights).ok_or(KernelError::InvalidAlignment)?;
    let stride = CONV_CHANNELS * stream_words(bits, row_len, chunks(row_len));
    let strip = Strip::new(columns, weights, stride, op.accumulate.bias);
    let taps = Taps::new(x, op);
    let same_type = residual.is_none_or(|r| r.spec().dtype == y.spec().dtype);
    // A narrower result over its residual would overtake the residual's later pixels within a strip.
    let width = if same_type { PIXELS } else { 1 };
    let fast = residual.is_none() && y.spec().dtype == Dtype::I8 && op.accumulate.shift == 32;
    let (rows, row_pixels, _) = y.spec().dims.hwc();
    let mut next = (0, 0);
    while next.0 < rows {
        let mut pixels = [next; PIXELS];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            if p >= width || next.0 >= rows {
                break;
            }
            *pixel = next;
            next = if next.1 + 1 < row_pixels { (next.0, next.1 + 1) } else { (next.0 + 1, 0) };
        }
        // Pixels that are not there are the last one again.
        for p in 1..PIXELS {
            if p >= width || pixels[p] < pixels[p - 1] {
                pixels[p] = pixels[p - 1];
            }
        }
        taps.fill(&columns, pixels);
        if fast {
            bytes(&strip, op, pixels, y);
        } else {
            finish(&strip, op, pixels, residual, y, 0);
        }
    }
    Ok(())
}

/// Results without residual at shift 32.
#[inline(always)]
fn bytes(strip: &Strip, op: &Conv2d, pixels: [(usize, usize); PIXELS], y: &Tensor) {
    let out = Bytes { multipliers: op.accumulate.multipliers, pixels: pixels.map(|(h, w)| y.pixel(h, w)) };
    strip.bytes(&out);
    out.pixels.iter().for_each(|pixel| clamp_bytes(pixel, op.accumulate.clamp));
    let channels = usize::from(y.spec().dims.c);
    if channels & 1 == 1 {
        finish(strip, op, pixels, None, y, channels - 1);
    }
}

/// Results of the channels from `first` on, an even number, by way of their accumulators.
fn finish(
    strip: &Strip,
    op: &Conv2d,
    pixels: [(usize, usize); PIXELS],
    residual: Option<&Tensor>,
    y: &Tensor,
    first: usize,
) {
    let channels = usize::from(y.spec().dims.c);
    let finish = pixels.map(|pixel| Finish::new(&op.accumulate, y, residual, pixel));
    // A repeated pixel's residual may be overwritten already.
    let count = 1 + pixels.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let accumulators = [const { Cell::new(0) }; BATCH * BLOCK];
    let mut weights = strip.weights.get((first >> 1) * strip.stride..).unwrap_or(&[]);
    let mut c = first;
    while c < channels {
        let bias = strip.bias.get(c..).unwrap_or(&[]);
        let last = [bias.first().copied().unwrap_or(0), 0];
        let bias = if bias.len() == 1 { &last } else { bias };
        Strip::new(strip.columns, weights, strip.stride, bias).accumulators(&accumulators);
        let batch = (bias.len() & !1).min(BATCH * CONV_CHANNELS);
        for (p, finish) in finish.iter().enumerate().take(count) {
            for i in 0..batch.min(channels - c) {
                let acc = accumulators.get(i * PIXELS + p).map_or(0, Cell::get);
                finish.store(c + i, acc);
            }
        }
        c += batch;
        weights = weights.get((batch >> 1) * strip.stride..).unwrap_or(&[]);
    }
}

/// Where the taps of a pixel lie in the input.
struct Taps<'a> {
    x: Tensor<'a>,
    op: Conv2d<'a>,
    /// Bytes from one kernel row to the next.
    kernel_row: usize,
    /// Bytes under one kernel row; 0 where they cannot be widened in place.
    segment: usize,
    /// Last first row and column of a pixel without padding, from the first padded one on.
    limits: [usize; 2],
}

impl<'a> Taps<'a> {
    fn new(x: &Tensor<'a>, op: &Conv2d<'a>) -> Self {
        let (rows, columns, channels) = x.spec().dims.hwc();
        let ([kh, kw], [dh, dw]) =
            (op.geometry.kernel.map(usize::from), op.geometry.dilation.map(usize::from));
        let unit = if op.accumulate.weight_bits == WeightBits::W2 { 8 } else { 4 };
        let direct = x.spec().dtype == Dtype::I8
            && (dw == 1 || kw == 1)
            && (kw * channels) & (unit - 1) == 0
            && (kh - 1) * dh < rows
            && kw <= columns;
        Self {
            x: *x,
            op: *op,
            kernel_row: columns * channels * dh,
            segment: if direct { kw * channels } else { 0 },
            limits: if direct { [rows - (kh - 1) * dh, columns + 1 - kw] } else { [0, 0] },
        }
    }

    /// Offset of a pixel's first tap, if it has no padding.
    #[inline(always)]
    fn interior(&self, (oy, ox): (usize, usize)) -> Option<usize> {
        let ([sh, sw], [pt, pl]) = (self.op.geometry.stride, self.op.geometry.pad);
        // Below the padding the subtraction wraps to a large number.
        let iy = (oy * usize::from(sh)).wrapping_sub(usize::from(pt));
        let ix = (ox * usize::from(sw)).wrapping_sub(usize::from(pl));
        let (_, columns, channels) = self.x.spec().dims.hwc();
        (iy < self.limits[0] && ix < self.limits[1]).then(|| (iy * columns + ix) * channels)
    }

    /// Fills the columns of a strip.
    #[inline(always)]
    fn fill(&self, columns: &Columns<PIXELS>, pixels: [(usize, usize); PIXELS]) {
        if let [Some(a), Some(b), Some(c)] = pixels.map(|pixel| self.interior(pixel)) {
            let mut filler = columns.filler();
            let mut starts = [a, b, c];
            for _ in 0..self.op.geometry.kernel[0] {
                filler.push(starts.map(|at| self.x.cells().get(at..at + self.segment).unwrap_or(&[])));
                starts = starts.map(|at| at + self.kernel_row);
            }
            filler.finish();
        } else {
            for (p, pixel) in pixels.into_iter().enumerate() {
                self.stage(pixel, columns.stage(p));
            }
            columns.widen_stage();
        }
    }

    /// The bytes under one pixel, zero points where it is padded, zeros behind.
    fn stage(&self, (oy, ox): (usize, usize), mut out: &[Cell<u8>]) {
        let (rows, columns, channels) = self.x.spec().dims.hwc();
        let geometry = &self.op.geometry;
        let [kh, kw] = geometry.kernel.map(usize::from);
        let zero = self.x.spec().zero as u8;
        for ky in 0..kh {
            let Some(iy) = geometry.row(oy, ky, rows) else {
                out = fill(out, kw * channels, zero);
                continue;
            };
            let mut kx = 0;
            while kx < kw {
                let Some(ix) = geometry.column(ox, kx, columns) else {
                    out = fill(out, channels, zero);
                    kx += 1;
                    continue;
                };
                if self.x.spec().dtype != Dtype::I8 {
                    let (tap, behind) = out.split_at_checked(channels).unwrap_or((&[], &[]));
                    for (c, cell) in tap.iter().enumerate() {
                        cell.set(read(self.x.pixel(iy, ix), self.x.spec().dtype, c) as u8);
                    }
                    out = behind;
                    kx += 1;
                    continue;
                }
                // Neighbouring taps are neighbouring bytes.
                let taps = if geometry.dilation[1] == 1 { (kw - kx).min(columns - ix) } else { 1 };
                let start = (iy * columns + ix) * channels;
                let source = self.x.cells().get(start..start + taps * channels).unwrap_or(&[]);
                copy(source, out);
                out = out.get(source.len()..).unwrap_or(&[]);
                kx += taps;
            }
        }
        fill(out, out.len(), 0);
    }
}

/// Sets `count` bytes; gives those behind them.
fn fill(out: &[Cell<u8>], count: usize, value: u8) -> &[Cell<u8>] {
    let (now, behind) = out.split_at_checked(count).unwrap_or((out, &[]));
    now.iter().for_each(|cell| cell.set(value));
    behind
}
