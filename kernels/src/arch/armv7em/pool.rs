//! Average pooling of bytes: four channels at a time, summed in 16-bit lanes.

use core::cell::Cell;

use super::bytes::clamp_bytes;
use super::{GROUP, fills_groups};
use crate::linked;
use crate::op::{AveragePool, Geometry};
use crate::{KernelError, Tensor, TensorSpec, generic};

/// Most taps whose sum of bytes fits a 16-bit lane.
const MAX_TAPS: usize = 255;

/// Whether [`average_pool`] has a kernel of its own for a step, and does not leave it to the generic tier.
pub fn takes(op: &AveragePool, x: &TensorSpec, y: &TensorSpec) -> bool {
    let small = op.geometry.taps().taps() <= MAX_TAPS;
    x.dtype.is_bytes() && y.dtype.is_bytes() && small && (linked::WIDE || fills_groups(y))
}

/// Average pooling, see [`AveragePool`]. Other types than bytes and huge windows run on the generic tier.
///
/// # Errors
/// Those of [`AveragePool::check`].
pub fn average_pool(x: &Tensor, op: &AveragePool, y: &Tensor) -> Result<(), KernelError> {
    if linked::PORTABLE && !takes(op, &x.spec(), &y.spec()) {
        return generic::average_pool(x, op, y);
    }
    op.check(&x.spec(), &y.spec())?;
    let taps = op.geometry.taps();
    let (height, width, channels) = x.spec().dims.hwc();
    let (rows, columns, _) = y.spec().dims.hwc();
    let mut results = y.cells();
    for oy in 0..rows {
        let (top, count_h) = inside(taps, 0, oy, height);
        for ox in 0..columns {
            let (left, count_w) = inside(taps, 1, ox, width);
            let count = count_h * count_w;
            let counts_padding = op.multipliers.len() == 1;
            let entry = if counts_padding { 0 } else { count.saturating_sub(1) };
            let padding = if counts_padding { taps.taps() - count } else { 0 };
            let padding = i32::from(x.spec().zero) * padding as i32;
            let multiplier = op.multipliers.get(entry).copied().unwrap_or(0);
            let offset = op.offsets.get(entry).copied().unwrap_or(0);
            let Some((out, behind)) = results.split_at_checked(channels) else { break };
            // Whole rows are one, and so is nothing.
            let one = count_w == width || count == 0;
            Window {
                source: x.cells().get((top * width + left) * channels..).unwrap_or(&[]),
                rows: if one { 1 } else { count_h },
                columns: if one { count } else { count_w },
                pixel: channels,
                row: width * channels,
                multiplier,
                offset: padding.wrapping_mul(multiplier).wrapping_add(offset),
                shift: u32::from(op.shift) & 31,
                out,
            }
            .run();
            results = behind;
        }
    }
    clamp_bytes(y.cells(), op.clamp);
    Ok(())
}

/// First row or column of a window inside the input, and how many there are.
fn inside(taps: Geometry, axis: usize, at: usize, size: usize) -> (usize, usize) {
    let (start, pad) = (at * usize::from(taps.stride[axis]), usize::from(taps.pad[axis]));
    let first = start.saturating_sub(pad).min(size);
    let end = (start + usize::from(taps.kernel[axis])).saturating_sub(pad).min(size);
    (first, end - first)
}

/// A window and its result, saturated to bytes: `(sum * multiplier + offset) >> shift` for each channel.
struct Window<'a> {
    /// Bytes from the first tap's first channel on.
    source: &'a [Cell<u8>],
    /// At least 1.
    rows: usize,
    /// 0 where no tap lies inside the input.
    columns: usize,
    /// Bytes of a pixel and of a row.
    pixel: usize,
    row: usize,
    multiplier: i32,
    offset: i32,
    shift: u32,
    /// As many as channels.
    out: &'a [Cell<u8>],
}

impl Window<'_> {
    #[inline(always)]
    fn run(&self) {
        let end = (self.rows.max(1) - 1) * self.row + self.columns * self.pixel;
        let whole = self.out.len() & !(GROUP - 1);
        if self.rows == 0 || end > self.source.len() || self.out.len() > self.pixel {
            return;
        }
        if whole > 0 {
            imp::groups(self, whole);
        }
        if linked::WIDE {
            for channel in whole..self.out.len() {
                self.channel(channel);
            }
        }
    }

    /// The result of one channel.
    #[inline(never)]
    fn channel(&self, channel: usize) {
        let mut sum = 0;
        for row in 0..self.rows {
            for column in 0..self.columns {
                let at = row * self.row + column * self.pixel + channel;
                sum += self.source.get(at).map_or(0, |byte| i32::from(byte.get() as i8));
            }
        }
        let result = sum.wrapping_mul(self.multiplier).wrapping_add(self.offset) >> self.shift;
        if let Some(cell) = self.out.get(channel) {
            cell.set(result.clamp(-128, 127) as u8);
        }
    }
}

#[cfg(not(dsp))]
mod imp {
    use super::Window;

    pub(super) fn groups(window: &Window, channels: usize) {
        (0..channels).for_each(|channel| window.channel(channel));
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;
    use core::cell::Cell;

    use super::Window;

    /// What [`Window`] says, as the instructions find it.
    #[repr(C)]
    struct Task {
        /// Behind the first row of the window.
        end: *const Cell<u8>,
        out: *const Cell<u8>,
        /// A multiple of four.
        channels: usize,
        /// Bytes of a row of the window, and from one to the next.
        run: usize,
        row: usize,
        pixel: usize,
        rows: usize,
        multiplier: i32,
        offset: i32,
        shift: u32,
    }

    /// # Safety
    /// `rows` runs of pixels and `channels` results must be there, one of each at least; a run may be empty.
    #[unsafe(naked)]
    unsafe extern "C" fn average(task: *const Task) {
        naked_asm!(
            core_with_dsp!(),
            "push {{r4-r11, lr}}",
            "ldmia r0!, {{r4-r10}}",
            // Four channels.
            "1:",
            "movs r2, #0",
            "movs r3, #0",
            "mov r1, r4",
            "mov r11, r10",
            "2:",
            "rsbs r12, r7, #0",
            "beq 4f",
            "3:",
            "ldr lr, [r1, r12]",
            "sxtab16 r2, r2, lr",
            "sxtab16 r3, r3, lr, ror #8",
            "adds r12, r9",
            "bne 3b",
            "add r1, r8",
            "subs r11, #1",
            "bne 2b",
            "4:",
            "ldmia r0, {{r1, r11, r12}}",
            // Sums of channels 0 and 2 lie in r2, of 1 and 3 in r3.
            "5:",
            "sxth lr, r2",
            "mla lr, lr, r1, r11",
            "asr lr, lr, r12",
            "ssat lr, #8, lr",
            "strb lr, [r5], #1",
            "asr lr, r2, #16",
            "mov r2, r3",
            "mov r3, lr",
            "subs r6, #1",
            "tst r6, #3",
            "bne 5b",
            "adds r4, #4",
            "cmp r6, #0",
            "bne 1b",
            "pop {{r4-r11, pc}}",
        )
    }

    #[inline(always)]
    pub(super) fn groups(window: &Window, channels: usize) {
        let run = window.columns * window.pixel;
        let task = Task {
            end: window.source.as_ptr().wrapping_add(run),
            out: window.out.as_ptr(),
            channels,
            run,
            row: window.row,
            pixel: window.pixel,
            rows: window.rows,
            multiplier: window.multiplier,
            offset: window.offset,
            shift: window.shift,
        };
        // SAFETY: the caller has compared the end of the last row with `source`; the four bytes that are read of a pixel
        // belong to it, as `channels` are as many as it has, or fewer. There are as many results, all cells, and rows.
        unsafe { average(&task) }
    }
}
