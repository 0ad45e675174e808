//! The columns under two output pixels (im2col), both bytes of an input in one word.

use core::cell::Cell;

use crate::op::Conv2d;
use crate::tensor::read;
use crate::{Dtype, Tensor};

/// Pixels of a strip.
pub(super) const PIXELS: usize = 2;

/// Words of the columns of `row_len` inputs: whole bytes of weights, whatever their width.
pub(super) const fn column_words(row_len: usize) -> usize {
    (row_len + 3) & !3
}

/// The word of two inputs. Where one multiplication serves both it is `b * 2^23 + a`, if its product is long, or
/// `b * 2^16 + a`; else `b` is the highest byte and `a` the lowest.
#[inline(always)]
fn word(a: i32, b: i32) -> u32 {
    if cfg!(armv7m) {
        ((b << 23) + a) as u32
    } else if cfg!(rv32im) {
        ((b << 16) + a) as u32
    } else {
        (b << 24 | (a & 0xff)) as u32
    }
}

/// Taps of a step.
pub(super) struct Taps<'a> {
    pub(super) x: &'a Tensor<'a>,
    pub(super) op: &'a Conv2d<'a>,
}

impl Taps<'_> {
    /// Fills the columns of two pixels, and zeros behind them.
    pub(super) fn fill(&self, pixels: [(usize, usize); PIXELS], words: &[Cell<u32>]) {
        let (rows, columns, channels) = self.x.spec().dims.hwc();
        let geometry = &self.op.geometry;
        let [kh, kw] = geometry.kernel.map(usize::from);
        let bytes = self.x.spec().dtype == Dtype::I8;
        let last = kw - 1;
        let mut out = words;
        for ky in 0..kh {
            let row = pixels.map(|(oy, _)| geometry.row(oy, ky, rows));
            let ends = pixels.map(|(_, ox)| {
                geometry
                    .column(ox, 0, columns)
                    .zip(geometry.column(ox, last, columns))
                    .map(|(first, _)| first)
            });
            if let ([Some(a), Some(b)], [Some(i), Some(j)], true) =
                (row, ends, bytes && geometry.dilation[1] == 1)
            {
                let count = kw * channels;
                let from = |row: usize, column: usize| {
                    let start = (row * columns + column) * channels;
                    self.x.cells().get(start..start + count).unwrap_or(&[])
                };
                let (now, behind) = out.split_at_checked(count).unwrap_or((&[], &[]));
                for ((word_out, a), b) in now.iter().zip(from(a, i)).zip(from(b, j)) {
                    word_out.set(word(i32::from(a.get() as i8), i32::from(b.get() as i8)));
                }
                out = behind;
                continue;
            }
            for kx in 0..kw {
                let (now, behind) = out.split_at_checked(channels).unwrap_or((&[], &[]));
                let tap = |row: Option<usize>, ox: usize| {
                    let column = geometry.column(ox, kx, columns);
                    row.zip(column).map(|(row, column)| self.x.pixel(row, column))
                };
                let ([(_, i), (_, j)], [first, second]) = (pixels, row);
                let (a, b) = (tap(first, i), tap(second, j));
                for (c, word_out) in now.iter().enumerate() {
                    let input = |pixel: Option<&[Cell<u8>]>| match pixel {
                        Some(pixel) => read(pixel, self.x.spec().dtype, c),
                        None => i32::from(self.x.spec().zero),
                    };
                    word_out.set(word(input(a), input(b)));
                }
                out = behind;
            }
        }
        out.iter().for_each(|word| word.set(0));
    }
}
