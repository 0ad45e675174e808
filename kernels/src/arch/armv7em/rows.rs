//! Input rows of four channels, widened: words of the first and third channel of every pixel, then those of the others.

use core::cell::Cell;

use super::GROUP;
use super::bytes::fill_words;
use super::simd::{sxtb16, sxtb16_ror8};
use crate::{Dtype, Tensor, linked};

/// How rows of pixels become rows of words.
#[derive(Clone, Copy)]
#[repr(C)]
struct Shape {
    /// Pixels of a row.
    pixels: usize,
    /// Bytes from the last pixel's first word to where the next row begins.
    behind: usize,
    /// Bytes from a pixel's first word to its second.
    half: usize,
    /// Bytes behind the last pixel.
    rest: usize,
    /// Bytes of a pixel.
    pixel: usize,
}

/// Widens rows of one tensor.
pub(super) struct Widen<'a> {
    x: Tensor<'a>,
    words: &'a [Cell<u32>],
    /// Words of a row.
    pitch: usize,
    /// Rows above the input, and words left of it.
    pad: [usize; 2],
    shape: Shape,
    /// A padding pixel.
    zero: u32,
}

/// Rows of a tile that are filled.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// Bytes from the input's first channel to that of the first row inside it.
    source: usize,
    /// Bytes from there to behind the last channel read.
    bytes: usize,
    /// The first word, and how many rows.
    out: usize,
    count: usize,
    /// Words of the rows outside it, and what lies between; the end may lie before the start.
    padding: [usize; 2],
}

impl<'a> Widen<'a> {
    /// Fills all rows, which have two times `half` bytes, with padding.
    #[inline(always)]
    pub(super) fn new(x: &Tensor<'a>, pad: [usize; 2], half: usize, words: &'a [Cell<u32>]) -> Self {
        let (width, pixel) = (usize::from(x.spec().dims.w), x.spec().pixel_bytes());
        let pixels = width.min((half >> 2) - pad[1]);
        let shape =
            Shape { pixels, behind: 2 * half - 4 * pixels, half, rest: (width - pixels) * pixel, pixel };
        let zero = sxtb16(u32::from(x.spec().zero as u8) * 0x0101_0101);
        fill_words(words, zero);
        Self { x: *x, words, pitch: half >> 1, pad, shape, zero }
    }

    /// How to fill rows `from..to` of a tile; `row` is the first of these, padding included.
    #[inline(always)]
    pub(super) fn plan(&self, row: usize, from: usize, to: usize, whole: bool) -> Rows {
        let ((height, width, _), pixel) = (self.x.spec().dims.hwc(), self.shape.pixel);
        let above = self.pad[0].saturating_sub(row);
        let row = (row + above).saturating_sub(self.pad[0]);
        let count = height.saturating_sub(row).min((to - from).saturating_sub(above));
        let (start, end) = (from + above, from + above + count);
        // Where there is one tile, what lies outside stays as it is. Else it is filled at one end, or all, if both lie
        // outside.
        let first = if above > 0 { from } else { end };
        let last = if whole {
            first
        } else if end < to {
            to
        } else {
            start
        };
        Rows {
            source: row * width * pixel,
            // Four bytes are read from every pixel; behind the last channel there may be none.
            bytes: (count * width + self.shape.pixels).saturating_sub(width + 1) * pixel + GROUP,
            out: start * self.pitch + self.pad[1],
            count,
            padding: [first * self.pitch, last * self.pitch],
        }
    }

    /// Fills rows with four channels from `first` on.
    #[inline(always)]
    pub(super) fn rows(&self, rows: &Rows, first: usize) {
        let [from, to] = rows.padding;
        if from < to {
            fill_words(self.words.get(from..to).unwrap_or(&[]), self.zero);
        }
        let (source, at) = (self.x.cells(), rows.source + first);
        if rows.count == 0 {
        } else if self.x.spec().dtype.linked() == Dtype::U4 {
            nibbles(&self.shape, source, at - (first >> 1), self.words, rows);
        } else if linked::WIDE && at + rows.bytes > source.len() {
            last_channels(&self.shape, source, at, self.words, rows);
        } else {
            imp::rows(&self.shape, source, at, self.words, rows);
        }
    }

    /// Moves rows from row `from` on, `count` of them, to the front.
    #[inline(always)]
    pub(super) fn keep(&self, from: usize, count: usize) {
        imp::keep(self.words, from * self.pitch, count * self.pitch);
    }
}

/// Rows whose last pixel may have less than four channels behind its first one; what is not there is 0.
#[inline(never)]
fn last_channels(shape: &Shape, source: &[Cell<u8>], at: usize, out: &[Cell<u32>], rows: &Rows) {
    each_pixel(shape, source, at, out, rows, |bytes| {
        let bytes = bytes.iter().take(GROUP).rev().fold(0, |word, byte| word << 8 | u32::from(byte.get()));
        [sxtb16(bytes), sxtb16_ror8(bytes)]
    });
}

/// Rows of nibbles.
#[inline(never)]
fn nibbles(shape: &Shape, source: &[Cell<u8>], at: usize, out: &[Cell<u32>], rows: &Rows) {
    each_pixel(shape, source, at, out, rows, |bytes| {
        let pairs =
            bytes.first_chunk().map_or(0, |[low, high]| u32::from(low.get()) | u32::from(high.get()) << 16);
        [pairs & 0x000f_000f, pairs >> 4 & 0x000f_000f]
    });
}

/// Both words of all pixels from their bytes.
#[inline(always)]
fn each_pixel(
    shape: &Shape,
    source: &[Cell<u8>],
    at: usize,
    out: &[Cell<u32>],
    rows: &Rows,
    words: impl Fn(&[Cell<u8>]) -> [u32; 2],
) {
    let (width, pitch) = (shape.pixels * shape.pixel + shape.rest, shape.pixels + shape.behind / 4);
    for row in 0..rows.count {
        for pixel in 0..shape.pixels {
            let [first, second] = words(source.get(at + row * width + pixel * shape.pixel..).unwrap_or(&[]));
            let at = rows.out + row * pitch + pixel;
            for (at, pair) in [(at, first), (at + shape.half / 4, second)] {
                if let Some(word) = out.get(at) {
                    word.set(pair);
                }
            }
        }
    }
}

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    pub(super) use super::last_channels as rows;

    pub(super) fn keep(words: &[Cell<u32>], from: usize, count: usize) {
        for (to, from) in words.iter().zip(words.get(from..).unwrap_or(&[])).take(count) {
            to.set(from.get());
        }
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;
    use core::cell::Cell;

    use super::{Rows, Shape};

    /// # Safety
    /// `rows` rows of `shape` must lie in `source` and in `out`.
    #[unsafe(naked)]
    unsafe extern "C" fn widen_rows(
        source: *const Cell<u8>,
        out: *const Cell<u32>,
        shape: *const Shape,
        rows: usize,
    ) {
        naked_asm!(
            core_with_dsp!(),
            "push {{r4-r11, lr}}",
            "ldm r2, {{r2, r9, r10, r11, r12}}",
            "1:",
            "add lr, r1, r10",
            "lsrs r7, r2, #1",
            "bcc 2f",
            // The first pixel of an odd row.
            "ldr r4, [r0]",
            "add r0, r12",
            "sxtb16 r5, r4",
            "sxtb16 r4, r4, ror #8",
            "str r5, [r1], #4",
            "str r4, [lr], #4",
            "cbz r7, 3f",
            "2:",
            "ldr r4, [r0]",
            "ldr r6, [r0, r12]",
            "add r0, r0, r12, lsl #1",
            "sxtb16 r5, r4",
            "sxtb16 r8, r6",
            "sxtb16 r4, r4, ror #8",
            "sxtb16 r6, r6, ror #8",
            "strd r5, r8, [r1], #8",
            "strd r4, r6, [lr], #8",
            "subs r7, #1",
            "bne 2b",
            "3:",
            "add r0, r11",
            "add r1, r9",
            "subs r3, #1",
            "bne 1b",
            "pop {{r4-r11, pc}}",
        )
    }

    /// Moves words to the front, four at a time.
    ///
    /// # Safety
    /// `count` words must lie behind the first `from`; both are bytes, the second a multiple of 16 and not 0.
    #[unsafe(naked)]
    unsafe extern "C" fn keep_words(words: *const Cell<u32>, from: usize, count: usize) {
        naked_asm!(
            "push {{r4-r6, lr}}",
            "add r1, r0",
            "add r2, r0",
            "1:",
            "ldm r1!, {{r3-r6}}",
            "stm r0!, {{r3-r6}}",
            "cmp r0, r2",
            "bne 1b",
            "pop {{r4-r6, pc}}",
        )
    }

    #[inline(always)]
    pub(super) fn rows(shape: &Shape, source: &[Cell<u8>], at: usize, out: &[Cell<u32>], rows: &Rows) {
        // SAFETY: the last pixel is read inside `source`, and the last row written inside `out`, by the caller's checks;
        // both hold cells. Neither rows nor pixels are 0.
        unsafe {
            widen_rows(
                source.as_ptr().wrapping_add(at),
                out.as_ptr().wrapping_add(rows.out),
                shape,
                rows.count,
            )
        }
    }

    #[inline(always)]
    pub(super) fn keep(words: &[Cell<u32>], from: usize, count: usize) {
        // SAFETY: the rows are those of `words`, by the caller's checks, which are cells. An even number of rows
        // at stride 1, and any number at stride 2, whose halves are even, are whole groups of four words.
        unsafe { keep_words(words.as_ptr(), 4 * from, 4 * count) }
    }
}
