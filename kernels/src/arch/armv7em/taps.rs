//! Where the taps of a strip's pixels lie: rows of the input's bytes, or staged ones with padding in them.

use core::cell::Cell;

use super::bytes::copy;
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
    /// The pixel before it.
    #[inline(always)]
    pub(super) fn step_back(&mut self, row_pixels: usize) {
        self.index -= 1;
        if self.w == 0 {
            (self.h, self.w) = (self.h - 1, row_pixels);
        }
        self.w -= 1;
    }

    /// The pixel behind it.
    #[inline(always)]
    pub(super) fn step(&mut self, row_pixels: usize) {
        self.index += 1;
        self.w += 1;
        if self.w == row_pixels {
            (self.h, self.w) = (self.h + 1, 0);
        }
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
    /// Whether a kernel row is neighbouring bytes.
    direct: bool,
    /// Padding.
    padding: &'a [Cell<u8>],
}

impl<'a> Taps<'a> {
    /// The taps of `op` in `x`; fills the staged row of padding.
    pub(super) fn new(x: &Tensor<'a>, op: &'a Conv2d<'a>, staged: &Columns<'a, PIXELS>) -> Self {
        let (rows, columns, channels) = x.spec().dims.hwc();
        let [kh, kw] = op.geometry.kernel.map(usize::from);
        let [dh, dw] = op.geometry.dilation.map(usize::from);
        let padding = staged.stage(0);
        padding.iter().for_each(|cell| cell.set(x.spec().zero as u8));
        let direct = x.spec().dtype.is_bytes() && (dw == 1 || kw == 1);
        let (bytes, next) = (op.blocks().padded_row(), dh * columns * channels);
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
            direct,
            padding,
        }
    }

    /// Fills the columns of a strip; gives their sums.
    #[inline(always)]
    pub(super) fn fill(&self, columns: &Columns<'a, PIXELS>, pixels: &[Pixel; PIXELS]) -> [i32; PIXELS] {
        // Above and left of the input the subtractions wrap to large numbers.
        let corners = pixels.map(|pixel| {
            let top = (pixel.h * self.stride[0]).wrapping_sub(self.pad[0]);
            (top, (pixel.w * self.stride[1]).wrapping_sub(self.pad[1]))
        });
        if corners.iter().all(|&(top, left)| top < self.tops && left < self.starts) {
            let sources = corners.map(|(top, left)| {
                self.x.cells().get((top * self.columns + left) * self.channels..).unwrap_or(&[])
            });
            if self.end <= sources[PIXELS - 1].len()
                && let Some(sums) = columns.fill(sources, self.kernel_rows, self.next)
            {
                return sums;
            }
        }
        self.fill_rows(columns, pixels, corners)
    }

    /// The same row by row, with padding.
    #[inline(never)]
    fn fill_rows(
        &self,
        columns: &Columns<'a, PIXELS>,
        pixels: &[Pixel; PIXELS],
        corners: [(usize, usize); PIXELS],
    ) -> [i32; PIXELS] {
        let mut filler = columns.filler();
        let mut row = corners.map(|(top, _)| top);
        for _ in 0..self.kernel_rows {
            filler.push(core::array::from_fn(|p| {
                if row[p] >= self.rows {
                    return self.padding;
                }
                let left = corners[p].1;
                let start = (row[p] * self.columns).wrapping_add(left).wrapping_mul(self.channels);
                match self.x.cells().get(start..start.wrapping_add(self.bytes)) {
                    Some(here) if left < self.starts => here,
                    _ => self.stage(row[p], pixels[p].w, columns.stage(1 + p)),
                }
            }));
            row = row.map(|row| row.wrapping_add(self.step));
        }
        filler.finish()
    }

    /// The bytes under one kernel row, zero points where it is padded. What lies behind does not matter.
    #[inline(never)]
    fn stage<'s>(&self, row: usize, ox: usize, stage: &'s [Cell<u8>]) -> &'s [Cell<u8>] {
        let geometry = &self.op.geometry;
        let kw = usize::from(geometry.kernel[1]);
        let spec = self.x.spec();
        // Bytes beside a row are bytes too: they are copied, then replaced.
        let left = (ox * self.stride[1]).wrapping_sub(self.pad[1]);
        let start = (row * self.columns).wrapping_add(left).wrapping_mul(self.channels);
        if let Some(here) = self.x.cells().get(start..start.wrapping_add(self.bytes))
            && self.direct
        {
            copy(here, stage);
            let before = if left < self.columns { 0 } else { left.wrapping_neg().min(kw) };
            let inside = (left.wrapping_add(kw).min(self.columns)).wrapping_sub(left).min(kw);
            let after = stage.get(inside * self.channels..).unwrap_or(&[]);
            fill(stage, before * self.channels, spec.zero as u8);
            fill(after, (kw - inside) * self.channels, spec.zero as u8);
            return stage;
        }
        let (bytes, pixel) = (spec.dtype.is_bytes(), spec.pixel_bytes());
        let mut out = stage;
        let mut kx = 0;
        while kx < kw {
            let Some(ix) = geometry.column(ox, kx, self.columns) else {
                out = fill(out, self.channels, spec.zero as u8);
                kx += 1;
                continue;
            };
            // Neighbouring taps are neighbouring bytes, unless a pixel's last nibble has none beside it.
            let neighbours = geometry.dilation[1] == 1 && (bytes || self.channels & 1 == 0);
            let taps = if neighbours { (kw - kx).min(self.columns - ix) } else { 1 };
            let start = (row * self.columns + ix) * pixel;
            let source = self.x.cells().get(start..start + taps * pixel).unwrap_or(&[]);
            let (now, behind) = out.split_at_checked(taps * self.channels).unwrap_or((&[], &[]));
            if bytes {
                copy(source, now);
            } else {
                unpack(source, now);
            }
            out = behind;
            kx += taps;
        }
        stage
    }
}

/// Sets `count` bytes; gives those behind them.
fn fill(out: &[Cell<u8>], count: usize, value: u8) -> &[Cell<u8>] {
    let (now, behind) = out.split_at_checked(count).unwrap_or((out, &[]));
    now.iter().for_each(|cell| cell.set(value));
    behind
}
