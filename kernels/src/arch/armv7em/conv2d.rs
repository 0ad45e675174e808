//! Convolution of any kernel as products of strips of three pixels: interior pixels are widened straight from
//! the input, others through staged bytes. A 1x1 kernel is the case whose columns are the pixels.

use core::cell::Cell;

use super::bytes::{clamp_bytes, copy};
use super::column::{Columns, scratch_bytes};
use super::product::{BLOCK, Bytes, Output, PIXELS, Product, Residual};
use super::stream::Stream;
use crate::generic::finish::Finish;
use crate::layout::dsp::CONV_CHANNELS;
use crate::op::Conv2d;
use crate::tensor::read;
use crate::{Dtype, KernelError, Tensor, WeightBits};

/// Blocks whose accumulators are finished together.
const BATCH: usize = 4;

/// Scratch of [`conv2d`]: see [`Conv2d::scratch_bytes`].
pub(crate) fn scratch(op: &Conv2d) -> usize {
    op.blocks().map_or(usize::MAX, |blocks| scratch_bytes(&blocks, PIXELS, true))
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
    if !op.in_blocks() {
        return Err(KernelError::UnsupportedLayout);
    }
    let (need, have) = (op.scratch_bytes(), scratch.len());
    let small = KernelError::InvalidScratch { need: need as u32, have: have as u32 };
    if have < need {
        return Err(small);
    }
    let blocks = op.blocks().ok_or(KernelError::InvalidShape)?;
    let stream = Stream::new(&blocks, op.accumulate.weights).ok_or(KernelError::InvalidAlignment)?;
    let columns = Columns::new(&blocks, stream.folded, scratch).ok_or(small)?;
    let kernel = Kernel { op, stream, columns, residual, y };
    let taps = Taps::new(x, op);
    let (rows, row_pixels, _) = y.spec().dims.hwc();
    // A narrower result over its residual would overtake the residual's later pixels within a strip.
    let width = if residual.is_none_or(|r| r.spec().dtype == y.spec().dtype) { PIXELS } else { 1 };
    let fast = kernel.fast();
    let mut next = (0, 0);
    while next.0 < rows {
        let mut pixels = [next; PIXELS];
        let mut count = 0;
        while count < width && next.0 < rows {
            // Pixels that are not there are the last one again.
            pixels.iter_mut().skip(count).for_each(|pixel| *pixel = next);
            next = if next.1 + 1 < row_pixels { (next.0, next.1 + 1) } else { (next.0 + 1, 0) };
            count += 1;
        }
        taps.fill(&kernel.columns, pixels);
        match fast {
            // The residual of a pixel that is not there may be overwritten already.
            Some(shift) if residual.is_none() || count == PIXELS => kernel.bytes(pixels, shift),
            _ => kernel.finish(pixels, count, 0),
        }
    }
    if fast.is_some() {
        clamp_bytes(y.cells(), op.accumulate.clamp);
    }
    Ok(())
}

/// What all strips have in common.
struct Kernel<'a> {
    op: &'a Conv2d<'a>,
    stream: Stream<'a>,
    columns: Columns<'a, PIXELS>,
    residual: Option<&'a Tensor<'a>>,
    y: &'a Tensor<'a>,
}

impl Kernel<'_> {
    /// Where results are bytes, and their shift is one that the products' high words have: that shift.
    fn fast(&self) -> Option<u32> {
        let bytes = |tensor: &Tensor| tensor.spec().dtype == Dtype::I8;
        let shift = self.stream.shift(self.op.accumulate.shift)?;
        (bytes(self.y) && self.residual.is_none_or(bytes)).then_some(shift)
    }

    /// Products with blocks from `first` on.
    #[inline(always)]
    fn product(&self, first: usize, blocks: usize) -> Product<'_, PIXELS> {
        self.stream.product(self.columns.words, self.columns.sums_of(0), first, blocks)
    }

    /// Results that are bytes.
    #[inline(always)]
    fn bytes(&self, pixels: [(usize, usize); PIXELS], shift: u32) {
        let (_, row_pixels, channels) = self.y.spec().dims.hwc();
        let bytes = Bytes {
            multipliers: self.op.accumulate.multipliers,
            shift,
            out: self.y.cells(),
            starts: pixels.map(|(h, w)| (h * row_pixels + w) * channels),
        };
        let out = match self.residual {
            None => Output::Bytes(bytes),
            Some(residual) => {
                let multiplier = self.op.accumulate.residual_multiplier;
                Output::Sum(bytes, Residual { values: residual.cells(), multiplier })
            }
        };
        self.product(0, channels >> 1).strip(&out);
        if channels & 1 == 1 {
            let count = 1 + pixels.windows(2).filter(|pair| pair[0] != pair[1]).count();
            self.finish(pixels, count, channels - 1);
        }
    }

    /// Results of the channels from `first` on, an even number, by way of their accumulators.
    fn finish(&self, pixels: [(usize, usize); PIXELS], count: usize, first: usize) {
        let channels = usize::from(self.y.spec().dims.c);
        let finish = pixels.map(|pixel| Finish::new(&self.op.accumulate, self.y, self.residual, pixel));
        let cells = [const { Cell::new(0) }; BATCH * BLOCK];
        let mut c = first;
        while c < channels {
            let batch = (channels - c).min(BATCH * CONV_CHANNELS);
            self.accumulators(c >> 1, (batch + 1) >> 1, &cells);
            for (p, finish) in finish.iter().enumerate().take(count) {
                for i in 0..batch {
                    let acc = cells.get(i * PIXELS + p).map_or(0, Cell::get);
                    let bias = if self.stream.folded { 0 } else { finish.bias(c + i) };
                    finish.store(c + i, acc.wrapping_add(bias));
                }
            }
            c += batch;
        }
    }

    /// Accumulators of at most [`BATCH`] blocks, without the bias that is not folded.
    fn accumulators(&self, first: usize, blocks: usize, cells: &[Cell<i32>; BATCH * BLOCK]) {
        if self.stream.folded {
            self.product(first, blocks).strip(&Output::Accumulators(cells));
            self.stream.scale(cells);
            return;
        }
        for (block, cells) in cells.as_chunks::<BLOCK>().0.iter().enumerate().take(blocks) {
            self.stream.chunked(&self.columns, first + block, cells, |product, out| {
                product.strip(&Output::Accumulators(out));
            });
        }
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
