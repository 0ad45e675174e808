//! Convolution as products of strips of two pixels with four output channels at a time.

use core::cell::Cell;

use super::column::{PIXELS, Taps, column_words};
use super::four::{Bytes, Pixel};
#[cfg(armv7m)]
use super::product::store_strip;
use super::product::{ROWS, strip};
#[cfg(armv6m)]
use crate::Dtype;
#[cfg(any(armv6m, armv7m))]
use crate::WeightBits;
use crate::op::Conv2d;
use crate::scratch::{small, take};
use crate::{KernelError, Layout, Tensor};

/// Scratch of [`conv2d`]: see [`Conv2d::scratch_bytes`]. Columns in words, at any address.
pub(crate) fn scratch(op: &Conv2d) -> usize {
    let bytes = op.column_len().and_then(|row_len| crate::size::product(column_words(row_len), 4));
    bytes.map_or(usize::MAX, |bytes| bytes + 3)
}

/// Convolution of one group with weights in layout `words`, see [`Conv2d`].
///
/// # Errors
/// Those of [`Conv2d::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in another layout.
pub fn conv2d(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.accumulate.layout != Layout::Words || op.groups != 1 {
        return Err(KernelError::UnsupportedLayout);
    }
    let need = op.scratch_bytes();
    let scratch = take(scratch, need)?;
    let row_len = op.column_len().ok_or(KernelError::InvalidShape)?;
    let aligned = scratch.get(scratch.as_ptr().align_offset(4)..).unwrap_or(&[]);
    let columns = words(aligned).get(..column_words(row_len)).ok_or(small(scratch, need))?;
    let accumulate = &op.accumulate;
    let bits = accumulate.weight_bits;
    let row_bytes = bits.row_bytes(row_len);
    let taps = Taps { x, op };
    let same_type = residual.is_none_or(|r| r.spec().dtype == y.spec().dtype);
    let (rows, row_pixels, channels) = y.spec().dims.hwc();
    let bytes = Bytes::new(accumulate, y, residual);
    #[cfg(armv6m)]
    if let Some(bytes) = bytes.as_ref().filter(|_| x.spec().dtype == Dtype::I8 && bits == WeightBits::W8) {
        super::pixels::run(x, op, bytes, scratch.get(..row_len).ok_or(small(scratch, need))?, y);
        return Ok(());
    }
    #[cfg(any(armv6m, armv7m))]
    if bits.linked() != WeightBits::W8 && super::narrow::run(x, residual, op, columns, y) {
        return Ok(());
    }
    let mut left = rows * row_pixels;
    let mut order = Order::new((rows, row_pixels), op.descends(&x.spec(), &y.spec()));
    while left > 0 {
        let count = strip_pixels(same_type, left);
        let first = order.next();
        let pixels = [first, if count == PIXELS { order.next() } else { first }];
        taps.fill(pixels, columns);
        let [first, second] = pixels.map(|pixel| Pixel::new(accumulate, y, residual, pixel));
        let second = (count == PIXELS).then_some(second);
        let mut c = 0;
        #[cfg(armv7m)]
        if let Some(bytes) = &bytes {
            let out = pixels.map(|(oy, ox)| y.pixel(oy, ox));
            c = store_strip(columns, accumulate.weights, row_bytes, bytes.results(), out);
        }
        while channels - c >= ROWS {
            let weights = accumulate.weights.get(c * row_bytes..).unwrap_or(&[]);
            let sums = strip(columns, weights, row_bytes, bits, row_bytes);
            first.store(c, sums[0]);
            if let Some(second) = &second {
                second.store(c, sums[1]);
            }
            c += ROWS;
        }
        // The last channels one by one: four times the same row.
        while c < channels {
            let weights = accumulate.weights.get(c * row_bytes..).unwrap_or(&[]);
            let sums = strip(columns, weights, 0, bits, row_bytes);
            first.store_one(c, sums[0][0]);
            if let Some(second) = &second {
                second.store_one(c, sums[1][0]);
            }
            c += 1;
        }
        left -= count;
    }
    if let Some(bytes) = bytes {
        bytes.clamp();
    }
    Ok(())
}

/// Pixels of the next strip: a narrower result over its residual, which is of another type, would overtake the residual's
/// next pixel within one.
#[inline(always)]
pub(super) fn strip_pixels(same_type: bool, left: usize) -> usize {
    if same_type && left >= PIXELS { PIXELS } else { 1 }
}

/// Pixels in the order of work, row on row: a strip goes on behind the end of a row.
pub(super) struct Order {
    row_pixels: usize,
    descends: bool,
    next: (usize, usize),
}

impl Order {
    pub(super) fn new((rows, row_pixels): (usize, usize), descends: bool) -> Self {
        let last = (rows.saturating_sub(1), row_pixels.saturating_sub(1));
        Self { row_pixels, descends, next: if descends { last } else { (0, 0) } }
    }

    pub(super) fn next(&mut self) -> (usize, usize) {
        let (oy, ox) = self.next;
        self.next = if self.descends {
            if ox > 0 { (oy, ox - 1) } else { (oy.saturating_sub(1), self.row_pixels - 1) }
        } else if ox + 1 < self.row_pixels {
            (oy, ox + 1)
        } else {
            (oy + 1, 0)
        };
        (oy, ox)
    }
}

/// The aligned words of bytes that start on a multiple of 4.
#[allow(unsafe_code)]
pub(super) fn words(bytes: &[Cell<u8>]) -> &[Cell<u32>] {
    // SAFETY: `Cell<u8>` and `Cell<u32>` are their contents in memory, any four bytes are a word, and cells may
    // alias.
    let (before, words, _) = unsafe { bytes.align_to::<Cell<u32>>() };
    if before.is_empty() { words } else { &[] }
}
