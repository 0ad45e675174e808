//! Convolution of any kernel as products of strips of three pixels: kernel rows are widened straight from the input
//! where they lie inside it, else from staged bytes. A 1x1 kernel is the case whose columns are the pixels.

use core::cell::Cell;

use super::bytes::clamp_bytes;
use super::column::{Columns, scratch_bytes};
use super::nibbles::pack;
use super::product::{BLOCK, Bytes, Output, PIXELS, Product, Residual, Strip};
use super::stream::{self, Stream, high_shift};
use super::taps::{Pixel, STAGED, Taps};
use crate::generic::finish::Finish;
use crate::layout::dsp::CONV_CHANNELS;
use crate::linked;
use crate::op::{Accumulate, Conv2d};
use crate::scratch::{small, take};
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec};

/// Blocks whose accumulators are finished together.
const BATCH: usize = 4;

/// Channels whose results are bytes before they are packed in nibbles.
const NARROW: usize = 32;

/// Scratch of [`conv2d`]: see [`Conv2d::scratch_bytes`].
pub(crate) fn scratch(op: &Conv2d) -> usize {
    op.blocks().sizes().map_or(usize::MAX, |sizes| scratch_bytes(&sizes, STAGED))
}

/// Whether [`conv2d`] finishes all results in its products; `op` and its operands are checked.
pub fn finishes(op: &Conv2d, residual: bool, y: &TensorSpec) -> bool {
    op.in_blocks() && stream::finishes(&op.blocks(), &op.accumulate, residual, y)
}

/// Whether products store results of these types themselves, where weights hold their biases: bytes, nibbles without a
/// residual. Others go through accumulators in memory.
pub fn stores(accumulate: &Accumulate, residual: Option<Dtype>, y: Dtype) -> bool {
    let types = stores_bytes(residual, y) || stores_nibbles(residual, y);
    types && high_shift(accumulate.weight_bits, accumulate.shift).is_some()
}

fn stores_bytes(residual: Option<Dtype>, y: Dtype) -> bool {
    y.is_bytes() && residual.is_none_or(Dtype::is_bytes)
}

fn stores_nibbles(residual: Option<Dtype>, y: Dtype) -> bool {
    y == Dtype::U4 && residual.is_none()
}

/// Convolution of one group with weights in layout `dsp`, see [`Conv2d`].
///
/// # Errors
/// Those of [`Conv2d::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in rows.
#[inline(never)]
pub fn conv2d(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.accumulate.layout != Layout::Dsp || op.groups != 1 {
        return Err(KernelError::UnsupportedLayout);
    }
    let sizes = op.blocks().sizes().ok_or(KernelError::InvalidShape)?;
    let need = scratch_bytes(&sizes, STAGED);
    let scratch = take(scratch, need)?;
    let stream = Stream::new(&sizes, op.accumulate.weights).ok_or(KernelError::InvalidAlignment)?;
    let columns = Columns::new(&sizes, stream.folded, scratch).ok_or(small(scratch, need))?;
    let kernel = Kernel { op, stream, columns, residual, y };
    let mut strip = kernel.strip();
    let nibbles = kernel.nibbles();
    let taps = Taps::new(x, op, &kernel.columns);
    let (rows, row_pixels, channels) = y.spec().dims.hwc();
    let all = rows * row_pixels;
    // A narrower result over its residual would overtake the residual's later pixels within a strip.
    let width = if residual.is_none_or(|r| r.spec().dtype == y.spec().dtype) { PIXELS } else { 1 };
    let backwards = op.descends(&x.spec(), &y.spec());
    let mut next = if backwards { Pixel { index: all, h: rows, w: 0 } } else { Pixel::default() };
    let mut left = all;
    while left > 0 {
        let count = width.min(left);
        left -= count;
        if backwards {
            next = next.before(count, row_pixels);
        }
        // Pixels that are not there are the last one again.
        let first = next;
        let second = if count > 1 { first.behind(row_pixels) } else { first };
        let third = if count > 2 { second.behind(row_pixels) } else { second };
        let pixels = [first, second, third];
        if !backwards {
            next = third.behind(row_pixels);
        }
        let sums = taps.fill(&kernel.columns, &pixels);
        let done = match (&mut strip, nibbles) {
            // The residual of a pixel that is not there may be overwritten already.
            (Some(strip), _) if residual.is_none() || count == PIXELS => {
                strip.run(sums, pixels.map(|pixel| pixel.index * channels));
                channels & !1
            }
            (_, Some(shift)) if linked::WIDE => {
                kernel.store_nibbles(&pixels, count, sums, shift);
                channels & !1
            }
            _ => 0,
        };
        if done < channels {
            if !linked::WIDE {
                return Err(KernelError::UnsupportedByBuild);
            }
            kernel.finish(&pixels, count, done, sums);
        }
    }
    if strip.is_some() {
        clamp_bytes(y.cells(), op.accumulate.clamp);
    }
    Ok(())
}

/// What all strips have in common.
struct Kernel<'a> {
    op: &'a Conv2d<'a>,
    stream: Stream<'a>,
    columns: Columns<'a>,
    residual: Option<&'a Tensor<'a>>,
    y: &'a Tensor<'a>,
}

impl<'a> Kernel<'a> {
    /// The product of a strip where results are bytes, and their shift is one that the products' high words have.
    fn strip(&self) -> Option<Strip<'a>> {
        let accumulate = &self.op.accumulate;
        let shift = self.stream.shift(accumulate.shift)?;
        if !stores_bytes(self.residual.map(|r| r.spec().dtype), self.y.spec().dtype) {
            return None;
        }
        let bytes = Bytes { multipliers: accumulate.multipliers, shift, out: self.y.cells() };
        let out = match self.residual {
            None => Output::Bytes(bytes),
            Some(residual) => {
                let multiplier = accumulate.residual_multiplier;
                Output::Sum(bytes, Residual { values: residual.cells(), multiplier })
            }
        };
        let blocks = usize::from(self.y.spec().dims.c) >> 1;
        Strip::new(&self.product(0, blocks), &out)
    }

    /// Blocks that hold their biases.
    #[inline(always)]
    fn product(&self, first: usize, blocks: usize) -> Product<'a> {
        Product { weights: self.stream.weights_from(first), columns: self.columns.words, blocks }
    }

    /// The shift of results that are nibbles, where bytes of a strip can be made first.
    fn nibbles(&self) -> Option<u32> {
        let narrow = stores_nibbles(self.residual.map(|r| r.spec().dtype), self.y.spec().dtype);
        self.stream.shift(self.op.accumulate.shift).filter(|_| narrow)
    }

    /// Results in nibbles, of all pairs of channels.
    #[inline(never)]
    fn store_nibbles(&self, pixels: &[Pixel; PIXELS], count: usize, sums: [i32; PIXELS], shift: u32) {
        let accumulate = &self.op.accumulate;
        let bytes = [const { Cell::new(0) }; PIXELS * NARROW];
        let pairs = usize::from(self.y.spec().dims.c) >> 1;
        let mut first = 0;
        while first < pairs {
            let blocks = (pairs - first).min(NARROW / CONV_CHANNELS);
            let multipliers = accumulate.multipliers.get(first * CONV_CHANNELS..).unwrap_or(&[]);
            let out = Output::Bytes(Bytes { multipliers, shift, out: &bytes });
            if let Some(mut strip) = Strip::new(&self.product(first, blocks), &out) {
                strip.run(sums, [0, NARROW, 2 * NARROW]);
            }
            for (pixel, bytes) in pixels.iter().zip(bytes.as_chunks::<NARROW>().0).take(count) {
                let packed = self.y.pixel(pixel.h, pixel.w).get(first..first + blocks).unwrap_or(&[]);
                pack(bytes, packed, accumulate.clamp);
            }
            first += blocks;
        }
    }

    /// Results of the channels from `first` on, an even number, by way of their accumulators.
    #[inline(never)]
    fn finish(&self, pixels: &[Pixel; PIXELS], count: usize, first: usize, sums: [i32; PIXELS]) {
        let channels = usize::from(self.y.spec().dims.c);
        let finish =
            pixels.map(|Pixel { h, w, .. }| Finish::new(&self.op.accumulate, self.y, self.residual, (h, w)));
        let cells = [const { Cell::new(0) }; BATCH * BLOCK];
        let mut c = first;
        while c < channels {
            let batch = (channels - c).min(BATCH * CONV_CHANNELS);
            self.accumulators((c >> 1, (batch + 1) >> 1), sums, &cells);
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
    fn accumulators(
        &self,
        (first, blocks): (usize, usize),
        sums: [i32; PIXELS],
        cells: &[Cell<i32>; BATCH * BLOCK],
    ) {
        if self.stream.folded {
            if let Some(mut strip) = Strip::new(&self.product(first, blocks), &Output::Accumulators(cells)) {
                strip.run(sums, [0; PIXELS]);
            }
            self.stream.scale(cells);
            return;
        }
        for (block, cells) in cells.as_chunks::<BLOCK>().0.iter().enumerate().take(blocks) {
            self.stream.chunked(first + block, cells, |weights, (chunk, before), out| {
                let columns = self.columns.words_behind(before);
                let product = Product { weights, columns, blocks: 1 };
                if let Some(mut strip) = Strip::new(&product, &Output::Accumulators(out)) {
                    strip.run(self.columns.sums_of(chunk), [0; PIXELS]);
                }
            });
        }
    }
}
