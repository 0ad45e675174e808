//! The bytes under an output pixel (im2col): where they already lie in one piece, or a copy.

use core::cell::Cell;

use super::bytes::{fill, gather, unpack};
use crate::layout::mve::{LANES, vectors};
use crate::op::Conv2d;
use crate::{Dtype, Tensor};

/// Bytes of scratch for the columns of `pixels` pixels of `row_len` inputs.
pub(super) const fn scratch_bytes(row_len: usize, pixels: usize) -> usize {
    if row_len > crate::layout::mve::MAX_ROW {
        return usize::MAX;
    }
    vectors(row_len) * LANES * pixels
}

/// Where the taps of a pixel lie in the input.
pub(super) struct Taps<'a> {
    x: Tensor<'a>,
    op: Conv2d<'a>,
    /// Bytes from one kernel row to the next.
    pitch: usize,
    /// Bytes under one kernel row; 0 where they do not lie in one piece.
    segment: usize,
    /// Last first row and column of a pixel without padding, from the first padded one on.
    limits: [usize; 2],
    /// Bytes of a column.
    bytes: usize,
    /// Columns may be read where they lie: they are one piece, and the result does not overwrite them.
    direct: bool,
}

impl<'a> Taps<'a> {
    pub(super) fn new(x: &Tensor<'a>, op: &Conv2d<'a>, row_len: usize, y: &Tensor) -> Self {
        let (rows, columns, channels) = x.spec().dims.hwc();
        let ([kh, kw], [dh, dw]) =
            (op.geometry.kernel.map(usize::from), op.geometry.dilation.map(usize::from));
        let whole =
            x.spec().dtype == Dtype::I8 && (dw == 1 || kw == 1) && (kh - 1) * dh < rows && kw <= columns;
        let (from, to) = (x.cells().as_ptr_range(), y.cells().as_ptr_range());
        let apart = from.end <= to.start || to.end <= from.start;
        Self {
            x: *x,
            op: *op,
            pitch: columns * channels * dh,
            segment: if whole { kw * channels } else { 0 },
            limits: if whole { [rows - (kh - 1) * dh, columns + 1 - kw] } else { [0, 0] },
            bytes: vectors(row_len) * LANES,
            direct: whole && kh == 1 && apart,
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

    /// The column of a pixel, which `stage` may be used for: whole vectors, of which the last may have anything
    /// behind the taps.
    #[inline(always)]
    pub(super) fn column(&self, pixel: (usize, usize), stage: &'a [Cell<u8>]) -> &'a [Cell<u8>] {
        let Some(start) = self.interior(pixel) else {
            self.stage(pixel, stage);
            return stage;
        };
        let source = self.x.cells().get(start..).unwrap_or(&[]);
        if self.direct && self.bytes <= source.len() {
            return source;
        }
        gather(source, self.pitch, usize::from(self.op.geometry.kernel[0]), self.segment, stage);
        stage
    }

    /// Copies the bytes under one pixel, zero points where it is padded.
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
                    // Of an odd number of channels one nibble too many: the next tap lies over it.
                    unpack(self.x.pixel(iy, ix), out);
                    out = out.get(channels..).unwrap_or(&[]);
                    kx += 1;
                    continue;
                }
                // Neighbouring taps are neighbouring bytes.
                let taps = if geometry.dilation[1] == 1 { (kw - kx).min(columns - ix) } else { 1 };
                let start = (iy * columns + ix) * channels;
                gather(self.x.cells().get(start..).unwrap_or(&[]), 0, 1, taps * channels, out);
                out = out.get(taps * channels..).unwrap_or(&[]);
                kx += taps;
            }
        }
    }
}
