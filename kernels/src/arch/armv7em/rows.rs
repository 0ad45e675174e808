//! Input rows of four channels as rows of their planes: bytes of NHWC to pairs of neighbouring 16-bit columns.

use core::cell::Cell;

use super::GROUP;
use super::planes::Class;
use super::simd::{pkhbt, pkhtb, sxtb16, sxtb16_ror8};
use crate::{Tensor, linked};

/// How a row of a plane is made up, in words of two columns: padding, half padding, pixels, half padding, padding.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Shape {
    lead: usize,
    left: usize,
    full: usize,
    right: usize,
    trail: usize,
    /// The padding's byte, four times.
    zero: u32,
    /// Bytes of a pixel.
    pixel: usize,
    /// Bytes of a row.
    row: usize,
    /// Bytes of a plane.
    plane: usize,
    /// Bytes from the end of a plane's row to the next.
    behind: usize,
}

impl Shape {
    /// Pixels that are read from a row.
    fn pixels(&self) -> usize {
        self.left + 2 * self.full + self.right
    }
}

/// Widens rows of one tensor.
pub(super) struct Widen<'a> {
    x: Tensor<'a>,
    planes: &'a [Cell<u32>],
    plane_words: usize,
    class: Class,
    words: usize,
    shape: Shape,
    /// A row above or below the input.
    padding: Shape,
}

impl<'a> Widen<'a> {
    /// `words` words of each row are needed; `pad` columns of them lie left of the input.
    #[inline(always)]
    pub(super) fn new(
        x: &Tensor<'a>,
        pad: usize,
        words: usize,
        class: Class,
        planes: &'a [Cell<u32>],
        plane_words: usize,
    ) -> Self {
        let (_, width, channels) = x.spec().dims.hwc();
        let end = (pad + width).min(2 * words);
        let start = pad.min(end);
        let lead = start >> 1;
        let left = if end > start { start & 1 } else { 0 };
        let full = (end - start - left) >> 1;
        let right = end - start - left - 2 * full;
        let shape = Shape {
            lead,
            left,
            full,
            right,
            trail: words - lead - left - full - right,
            zero: u32::from(x.spec().zero as u8) * 0x0101_0101,
            pixel: channels,
            row: width * channels,
            plane: 4 * plane_words,
            behind: 4 * (class.stride() - words),
        };
        let padding = Shape { lead: words, left: 0, full: 0, right: 0, trail: 0, ..shape };
        Self { x: *x, planes, plane_words, class, words, shape, padding }
    }

    /// Fills rows `from..to` of the planes with four channels from `first` on; `iy` is the first input row,
    /// a wrapped negative number above the input.
    #[inline(always)]
    pub(super) fn rows(&self, first: usize, mut iy: usize, from: usize, to: usize) {
        let height = usize::from(self.x.spec().dims.h);
        let mut row = from;
        while row < to {
            let out = self.planes.get(row * self.class.stride()..).unwrap_or(&[]);
            let (shape, same, source) = if iy < height {
                let source = self.x.cells().get(iy * self.shape.row + first..).unwrap_or(&[]);
                (&self.shape, height - iy, source)
            } else {
                // Up to the input's first row from above it; what lies below the input is padding to the end.
                (&self.padding, iy.wrapping_neg(), &[][..])
            };
            let rows = (to - row).min(same);
            // Four bytes are read from every pixel; behind the last channel there may be none.
            let read = match shape.pixels() {
                0 => 0,
                pixels => (rows - 1) * shape.row + (pixels - 1) * shape.pixel + GROUP,
            };
            let room = (GROUP - 1) * self.plane_words + (rows - 1) * self.class.stride() + self.words;
            if read <= source.len() && room <= out.len() {
                imp::rows(shape, source, out, rows);
            } else if linked::WIDE {
                self.last_channels(source, out, rows);
            }
            row += rows;
            iy = iy.wrapping_add(rows);
        }
    }

    /// Moves rows from row `from` on, `count` of them, to the front.
    #[inline(always)]
    pub(super) fn keep(&self, from: usize, count: usize) {
        let stride = self.class.stride();
        if count > 0 && (GROUP - 1) * self.plane_words + (from + count) * stride <= self.planes.len() {
            imp::keep(self.planes, self.plane_words, from * stride, count * stride);
        }
    }

    /// Rows whose last pixel has less than four channels behind its first one.
    #[inline(never)]
    fn last_channels(&self, source: &[Cell<u8>], out: &[Cell<u32>], rows: usize) {
        for row in 0..rows {
            let source = source.get(row * self.shape.row..).unwrap_or(&[]);
            let out = out.get(row * self.class.stride()..).unwrap_or(&[]);
            one_row(&self.shape, source, out);
        }
    }
}

/// One row; bytes that are not there are 0.
fn one_row(shape: &Shape, source: &[Cell<u8>], out: &[Cell<u32>]) {
    let pixel = |i: usize| -> u32 {
        let bytes = source.get(i * shape.pixel..).unwrap_or(&[]);
        bytes.iter().take(GROUP).rev().fold(0, |word, byte| word << 8 | u32::from(byte.get()))
    };
    // Pixels in pairs, padding before the first and behind the last: the first pair may begin with half of it.
    let (first, last) = (2 * shape.lead + (shape.left & 1), shape.pixels());
    for at in 0..shape.lead + shape.left + shape.full + shape.right + shape.trail {
        let column = |i: usize| match i.checked_sub(first).filter(|&i| i < last) {
            Some(i) => pixel(i),
            None => shape.zero,
        };
        let (a, b) = (column(2 * at), column(2 * at + 1));
        let (even, odd) = ((sxtb16(a), sxtb16(b)), (sxtb16_ror8(a), sxtb16_ror8(b)));
        let lanes = [pkhbt(even.0, even.1), pkhbt(odd.0, odd.1), pkhtb(even.0, even.1), pkhtb(odd.0, odd.1)];
        for (c, lanes) in lanes.into_iter().enumerate() {
            if let Some(word) = out.get(c * (shape.plane >> 2) + at) {
                word.set(lanes);
            }
        }
    }
}

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use super::{GROUP, Shape, one_row};

    pub(super) fn rows(shape: &Shape, source: &[Cell<u8>], out: &[Cell<u32>], rows: usize) {
        for row in 0..rows {
            let source = source.get(row * shape.row..).unwrap_or(&[]);
            let words = shape.lead + shape.left + shape.full + shape.right + shape.trail;
            one_row(shape, source, out.get(row * (words + shape.behind / 4)..).unwrap_or(&[]));
        }
    }

    pub(super) fn keep(planes: &[Cell<u32>], plane_words: usize, from: usize, count: usize) {
        for plane in 0..GROUP {
            let plane = planes.get(plane * plane_words..).unwrap_or(&[]);
            for (to, from) in plane.iter().zip(plane.get(from..).unwrap_or(&[])).take(count) {
                to.set(from.get());
            }
        }
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;
    use core::cell::Cell;

    use super::Shape;

    /// Pixels of r4 and r5 to a word of four planes.
    macro_rules! put {
        () => {
            concat!(
                "sxtb16 r6, r4\n sxtb16 r7, r5\n sxtb16 r4, r4, ror #8\n sxtb16 r5, r5, ror #8\n",
                "pkhbt r8, r6, r7, lsl #16\n str r8, [r1], #4\n pkhtb r8, r7, r6, asr #16\n str r8, [r9], #4\n",
                "pkhbt r8, r4, r5, lsl #16\n str r8, [r3], #4\n pkhtb r8, r5, r4, asr #16\n str r8, [r10], #4\n",
            )
        };
    }

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
            "push {{r0, r3-r11, lr}}",
            "ldr r4, [r2, #32]",
            "add r3, r1, r4",
            "add r9, r3, r4",
            "add r10, r9, r4",
            "ldr r11, [r2, #20]",
            "ldr r12, [r2, #24]",
            "20:",
            "ldr lr, [r2]",
            "cmp lr, #0",
            "beq 22f",
            "21:",
            "mov r4, r11",
            "mov r5, r11",
            put!(),
            "subs lr, #1",
            "bne 21b",
            "22:",
            "ldrd r4, lr, [r2, #4]",
            "cbz r4, 23f",
            "mov r4, r11",
            "ldr r5, [r0]",
            "add r0, r12",
            put!(),
            "23:",
            "cmp lr, #0",
            "beq 25f",
            "24:",
            "ldr r4, [r0]",
            "ldr r5, [r0, r12]",
            "add r0, r0, r12, lsl #1",
            put!(),
            "subs lr, #1",
            "bne 24b",
            "25:",
            "ldrd r4, lr, [r2, #12]",
            "cbz r4, 26f",
            "ldr r4, [r0]",
            "mov r5, r11",
            put!(),
            "26:",
            "cmp lr, #0",
            "beq 28f",
            "27:",
            "mov r4, r11",
            "mov r5, r11",
            put!(),
            "subs lr, #1",
            "bne 27b",
            "28:",
            "ldr r4, [r2, #36]",
            "add r1, r4",
            "add r3, r4",
            "add r9, r4",
            "add r10, r4",
            "ldr r5, [r2, #28]",
            "ldrd r0, r4, [sp]",
            "add r0, r5",
            "subs r4, #1",
            "strd r0, r4, [sp]",
            "bne 20b",
            "pop {{r0, r3-r11, pc}}",
        )
    }

    /// Moves rows of four planes to their fronts, four words at a time.
    ///
    /// # Safety
    /// `from_bytes + count_bytes` bytes of every plane must be there; both are a multiple of 16, the second not 0.
    #[unsafe(naked)]
    unsafe extern "C" fn keep_rows(
        planes: *const Cell<u32>,
        plane_bytes: usize,
        from_bytes: usize,
        count_bytes: usize,
    ) {
        naked_asm!(
            "push {{r4-r9, lr}}",
            "mov r12, #4",
            "1:",
            "add r8, r0, r2",
            "mov r9, r0",
            "add lr, r0, r3",
            "2:",
            "ldmia r8!, {{r4-r7}}",
            "stmia r9!, {{r4-r7}}",
            "cmp r9, lr",
            "bne 2b",
            "add r0, r1",
            "subs r12, #1",
            "bne 1b",
            "pop {{r4-r9, pc}}",
        )
    }

    pub(super) fn rows(shape: &Shape, source: &[Cell<u8>], out: &[Cell<u32>], rows: usize) {
        // SAFETY: the caller has compared the last pixel read with `source` and the last word written with `out`;
        // both hold cells. `rows` is at least 1.
        unsafe { widen_rows(source.as_ptr(), out.as_ptr(), shape, rows) }
    }

    pub(super) fn keep(planes: &[Cell<u32>], plane_words: usize, from: usize, count: usize) {
        // SAFETY: the caller has compared the last word of the last plane with `planes`, which are cells, and rows are
        // multiples of eight words.
        unsafe { keep_rows(planes.as_ptr(), 4 * plane_words, 4 * from, 4 * count) }
    }
}
