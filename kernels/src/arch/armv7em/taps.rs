//! Where the taps of a strip's pixels lie: rows of the input's bytes, or staged ones with padding in them.

use core::cell::Cell;

use super::bytes::{copy, fill};
use super::column::Columns;
use super::nibbles::unpack;
use super::product::PIXELS;
use crate::Tensor;
use crate::op::Conv2d;

/// Staged rows: one of padding, one for each pixel.
pub(super) const STAGED: usize = 1 + PIXELS;

/// A pixel of the result.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pixel {
    pub(super) index: usize,
    pub(super) h: usize,
    pub(super) w: usize,
}

impl Pixel {
    /// The pixel `count` before it.
    #[inline(always)]
    pub(super) fn before(self, count: usize, row_pixels: usize) -> Self {
        let Self { index, mut h, mut w } = self;
        while w < count {
            (h, w) = (h - 1, w + row_pixels);
        }
        Self { index: index - count, h, w: w - count }
    }

    /// The pixel behind it.
    #[inline(always)]
    pub(super) fn behind(self, row_pixels: usize) -> Self {
        let Self { index, h, w } = self;
        let (h, w) = if w + 1 == row_pixels { (h + 1, 0) } else { (h, w + 1) };
        Self { index: index + 1, h, w }
    }
}

/// Taps of a convolution.
pub(super) struct Taps<'a> {
    x: Tensor<'a>,
    op: &'a Conv2d<'a>,
    kernel_rows: usize,
    stride: [usize; 2],
    pad: [usize; 2],
    rows: usize,
    columns: usize,
    channels: usize,
    /// Bytes of a kernel row with those that pad it.
    bytes: usize,
    /// Input columns at which a kernel row may start that is widened where it lies; 0 where none is.
    starts: usize,
    /// Input rows at which a kernel may start that lies inside.
    tops: usize,
    /// Input rows and bytes from a kernel row to the next.
    step: usize,
    next: usize,
    /// Bytes from a pixel's first tap to the end of its last kernel row.
    end: usize,
    /// Padding.
    padding: &'a [Cell<u8>],
}

impl<'a> Taps<'a> {
    /// The taps of `op` in `x`; fills the staged row of padding.
    pub(super) fn new(x: &Tensor<'a>, op: &'a Conv2d<'a>, staged: &Columns<'a>) -> Self {
        let (rows, columns, channels) = x.spec().dims.hwc();
        let [kh, kw] = op.geometry.kernel.map(usize::from);
        let [dh, dw] = op.geometry.dilation.map(usize::from);
        let padding = staged.stage(0);
        fill(padding, x.spec().zero as u8);
        let direct = x.spec().dtype.is_bytes() && (dw == 1 || kw == 1);
        let (bytes, next) = (staged.row_bytes(), dh * columns * channels);
        Self {
            x: *x,
            op,
            kernel_rows: kh,
            stride: op.geometry.stride.map(usize::from),
            pad: op.geometry.pad.map(usize::from),
            rows,
            columns,
            channels,
            bytes,
            starts: if direct { (columns + 1).saturating_sub(kw) } else { 0 },
            tops: rows.saturating_sub((kh - 1) * dh),
            step: dh,
            next,
            end: (kh - 1) * next + bytes,
            padding,
        }
    }

    /// Fills the columns of a strip; gives their sums.
    #[inline(always)]
    pub(super) fn fill(&self, columns: &Columns<'a>, pixels: &[Pixel; PIXELS]) -> [i32; PIXELS] {
        // Above and left of the input the subtractions wrap to large numbers.
        let corners = pixels.map(|pixel| {
            let top = (pixel.h * self.stride[0]).wrapping_sub(self.pad[0]);
            (top, (pixel.w * self.stride[1]).wrapping_sub(self.pad[1]))
        });
        // Rows ascend.
        let [(first, _), _, (last, _)] = corners;
        if first < self.tops && last < self.tops && corners.iter().all(|&(_, left)| left < self.starts) {
            let sources = corners.map(|(top, left)| {
                self.x.cells().get((top * self.columns + left) * self.channels..).unwrap_or(&[])
            });
            if self.end <= sources[PIXELS - 1].len()
                && let Some(sums) = columns.fill(sources, self.kernel_rows, self.next)
            {
                return sums;
            }
        }
        self.fill_rows(columns, corners)
    }

    /// The same row by row, with padding.
    #[inline(never)]
    fn fill_rows(&self, columns: &Columns<'a>, mut corners: [(usize, usize); PIXELS]) -> [i32; PIXELS] {
        let mut filler = columns.filler();
        for _ in 0..self.kernel_rows {
            filler.push(core::array::from_fn(|p| self.row(corners[p], columns, p)));
            for (row, _) in &mut corners {
                *row = row.wrapping_add(self.step);
            }
        }
        filler.finish()
    }

    /// The bytes under one kernel row of pixel `p`: from where they lie, or staged with zero points where the row is padded.
    /// What lies behind does not matter.
    #[inline(never)]
    fn row(&self, (row, left): (usize, usize), columns: &Columns<'a>, p: usize) -> &'a [Cell<u8>] {
        if row >= self.rows {
            return self.padding;
        }
        let start = (row * self.columns).wrapping_add(left).wrapping_mul(self.channels);
        let stage = columns.stage(1 + p);
        match self.x.cells().get(start..start.wrapping_add(self.bytes)) {
            Some(here) if left < self.starts => return here,
            // Bytes beside a row are bytes too: they are copied, then replaced, on one side.
            Some(here) if self.starts > 0 => {
                copy(here, stage);
                let kw = usize::from(self.op.geometry.kernel[1]);
                let (from, to) = if left < self.columns {
                    (self.columns - left, kw)
                } else {
                    (0, left.wrapping_neg().min(kw))
                };
                let padded = stage.get(from * self.channels..to * self.channels);
                fill(padded.unwrap_or(&[]), self.x.spec().zero as u8);
            }
            _ => self.stage((row, left), stage),
        }
        stage
    }

    #[inline(always)]
    fn stage(&self, (row, left): (usize, usize), mut out: &[Cell<u8>]) {
        let geometry = &self.op.geometry;
        let kw = usize::from(geometry.kernel[1]);
        let dilation = usize::from(geometry.dilation[1]);
        let spec = self.x.spec();
        let bytes = spec.dtype.is_bytes();
        // Neighbouring taps are neighbouring bytes, unless a pixel's last nibble has none beside it.
        let neighbours = dilation == 1 && (bytes || self.channels & 1 == 0);
        let mut kx = 0;
        while kx < kw {
            let column = left.wrapping_add(kx * dilation);
            let inside = column < self.columns;
            // Up to the input's first column from left of it; what lies right of the input is padding to the end.
            let same = if inside { self.columns - column } else { column.wrapping_neg() };
            let taps = if neighbours { same.min(kw - kx) } else { 1 };
            let Some((now, behind)) = out.split_at_checked(taps * self.channels) else { return };
            let source = (row * self.columns).wrapping_add(column).wrapping_mul(spec.pixel_bytes());
            let source = self.x.cells().get(source..).unwrap_or(&[]);
            if !inside {
                fill(now, spec.zero as u8);
            } else if bytes {
                copy(source, now);
            } else {
                unpack(source, now);
            }
            out = behind;
            kx += taps;
        }
    }
}
