//! Average pooling of bytes: four channels at a time, summed in 16-bit lanes.

use super::super::bytes::clamp_bytes;
use super::super::fills_groups;
use super::{Window, windows};
use crate::linked;
use crate::op::AveragePool;
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
    let taps = op.geometry.taps().taps();
    let (_, _, channels) = x.spec().dims.hwc();
    windows(x, &op.geometry, y, channels, |window, count| {
        let counts_padding = op.multipliers.len() == 1;
        let entry = if counts_padding { 0 } else { count.saturating_sub(1) };
        let padding = if counts_padding { taps - count } else { 0 };
        let padding = i32::from(x.spec().zero) * padding as i32;
        let multiplier = op.multipliers.get(entry).copied().unwrap_or(0);
        let offset = op.offsets.get(entry).copied().unwrap_or(0);
        let offset = padding.wrapping_mul(multiplier).wrapping_add(offset);
        Average { multiplier, offset, shift: u32::from(op.shift) & 31 }.store(window);
    });
    clamp_bytes(y.cells(), op.clamp);
    Ok(())
}

/// What makes a result of a window's sum, saturated to bytes: `(sum * multiplier + offset) >> shift`.
#[repr(C)]
struct Average {
    multiplier: i32,
    offset: i32,
    shift: u32,
}

impl Average {
    #[inline(always)]
    fn store(&self, window: &Window) {
        let Some(whole) = window.whole() else { return };
        if whole > 0 {
            imp::groups(self, window, whole);
        }
        if linked::WIDE {
            (whole..window.out.len()).for_each(|channel| self.channel(window, channel));
        }
    }

    /// The result of one channel.
    #[inline(never)]
    fn channel(&self, window: &Window, channel: usize) {
        let mut sum = 0;
        window.each_tap(channel, |byte| sum += i32::from(byte as i8));
        let result = sum.wrapping_mul(self.multiplier).wrapping_add(self.offset) >> self.shift;
        if let Some(cell) = window.out.get(channel) {
            cell.set(result.clamp(-128, 127) as u8);
        }
    }
}

#[cfg(not(dsp))]
mod imp {
    use super::{Average, Window};

    pub(super) fn groups(average: &Average, window: &Window, whole: usize) {
        (0..whole).for_each(|channel| average.channel(window, channel));
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;

    use super::super::Runs;
    use super::super::runs::each_pixel;
    use super::{Average, Window};

    #[repr(C)]
    struct Task {
        runs: Runs,
        average: Average,
    }

    /// # Safety
    /// All runs of pixels and bytes of the result must be there, one of each at least; a run may be empty.
    #[unsafe(naked)]
    unsafe extern "C" fn average(task: *const Task) {
        naked_asm!(
            core_with_dsp!(),
            "push {{r4-r11, lr}}",
            "ldmia r0!, {{r4-r10}}",
            "1:",
            each_pixel!("movs r2, #0\n movs r3, #0\n", "sxtab16 r2, r2, lr\n sxtab16 r3, r3, lr, ror #8\n"),
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
    pub(super) fn groups(by: &Average, window: &Window, whole: usize) {
        let Average { multiplier, offset, shift } = *by;
        let task = Task { runs: Runs::new(window, whole), average: Average { multiplier, offset, shift } };
        // SAFETY: `Window::whole` has compared the end of the last run with `source`; the four bytes that are read of a
        // pixel belong to it, as `whole` is no more than it has. There are as many results, all cells.
        unsafe { average(&task) }
    }
}
