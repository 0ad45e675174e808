//! Pooling of bytes: the taps of a window that lie inside the input are runs of pixels, taken four bytes at a time.

pub(crate) mod average;
pub(crate) mod max;

use core::cell::Cell;

use super::GROUP;
use crate::Tensor;
use crate::op::{Geometry, PoolGeometry};

/// A window and the place of its result.
struct Window<'a> {
    /// Bytes from the first tap's first channel on.
    source: &'a [Cell<u8>],
    /// Runs, at least 1.
    rows: usize,
    /// Pixels of a run; 0 where no tap lies inside the input.
    columns: usize,
    /// Bytes of a pixel and of a row.
    pixel: usize,
    row: usize,
    /// As many bytes as a pixel has.
    out: &'a [Cell<u8>],
}

/// Calls `each` with every window, and with the number of its taps inside the input. A pixel has `pixel` whole bytes.
#[inline(always)]
fn windows(
    x: &Tensor,
    geometry: &PoolGeometry,
    y: &Tensor,
    pixel: usize,
    mut each: impl FnMut(&Window, usize),
) {
    let taps = geometry.taps();
    let (height, width, _) = x.spec().dims.hwc();
    let (rows, columns, _) = y.spec().dims.hwc();
    let mut results = y.cells();
    for oy in 0..rows {
        let (top, count_h) = inside(taps, 0, oy, height);
        for ox in 0..columns {
            let (left, count_w) = inside(taps, 1, ox, width);
            let count = count_h * count_w;
            let Some((out, behind)) = results.split_at_checked(pixel) else { return };
            // Whole rows are one, and so is nothing.
            let one = count_w == width || count == 0;
            let window = Window {
                source: x.cells().get((top * width + left) * pixel..).unwrap_or(&[]),
                rows: if one { 1 } else { count_h },
                columns: if one { count } else { count_w },
                pixel,
                row: width * pixel,
                out,
            };
            each(&window, count);
            results = behind;
        }
    }
}

/// First row or column of a window inside the input, and how many there are.
fn inside(taps: Geometry, axis: usize, at: usize, size: usize) -> (usize, usize) {
    let (start, pad) = (at * usize::from(taps.stride[axis]), usize::from(taps.pad[axis]));
    let first = start.saturating_sub(pad).min(size);
    let end = (start + usize::from(taps.kernel[axis])).saturating_sub(pad).min(size);
    (first, end - first)
}

impl Window<'_> {
    /// Bytes of the result in whole groups of four; `None` where not all taps are there.
    #[inline(always)]
    fn whole(&self) -> Option<usize> {
        let end = (self.rows.max(1) - 1) * self.row + self.columns * self.pixel;
        let fits = self.rows > 0 && end <= self.source.len() && self.out.len() <= self.pixel;
        fits.then_some(self.out.len() & !(GROUP - 1))
    }

    /// Calls `tap` with byte `at` of all pixels.
    #[inline(always)]
    fn each_tap(&self, at: usize, mut tap: impl FnMut(u8)) {
        for row in 0..self.rows {
            for column in 0..self.columns {
                let at = row * self.row + column * self.pixel + at;
                tap(self.source.get(at).map_or(0, Cell::get));
            }
        }
    }
}

#[cfg(dsp)]
use runs::Runs;

#[cfg(dsp)]
mod runs {
    use core::cell::Cell;

    use super::Window;

    /// What [`Window`] says, as the instructions find it.
    #[repr(C)]
    pub(super) struct Runs {
        /// Behind the first run.
        end: *const Cell<u8>,
        out: *const Cell<u8>,
        /// Bytes of the result: a multiple of four, not 0.
        whole: usize,
        /// Bytes of a run, and from one to the next.
        run: usize,
        row: usize,
        pixel: usize,
        rows: usize,
    }

    impl Runs {
        #[inline(always)]
        pub(super) fn new(window: &Window, whole: usize) -> Self {
            let run = window.columns * window.pixel;
            Self {
                end: window.source.as_ptr().wrapping_add(run),
                out: window.out.as_ptr(),
                whole,
                run,
                row: window.row,
                pixel: window.pixel,
                rows: window.rows,
            }
        }
    }

    /// Takes four bytes of every pixel: from [`Runs`] in r4 to r10, with r1, r11 and r12. A tap's bytes are in lr.
    macro_rules! each_pixel {
        ($start:literal, $tap:literal) => {
            concat!(
                $start,
                "mov r1, r4\n mov r11, r10\n",
                "2: rsbs r12, r7, #0\n beq 4f\n",
                "3: ldr lr, [r1, r12]\n",
                $tap,
                "adds r12, r9\n bne 3b\n",
                "add r1, r8\n subs r11, #1\n bne 2b\n",
                "4:"
            )
        };
    }
    pub(super) use each_pixel;
}
