//! Maximum pooling of bytes, and of nibbles by the byte.

use core::cell::Cell;

use super::super::bytes::clamp_bytes;
use super::{Window, windows};
use crate::numerics::Clamp;
use crate::op::MaxPool;
use crate::{Dtype, KernelError, Tensor, TensorSpec, generic, linked};

/// Limits that limit no nibble.
const NIBBLE: Clamp = Clamp { lo: 0, hi: 15 };

/// Whether [`max_pool`] has a kernel of its own for a step, and does not leave it to the generic tier: bytes, and nibbles of
/// an even number of channels without other limits.
pub fn takes(op: &MaxPool, x: &TensorSpec) -> bool {
    x.dtype.is_bytes() || (x.dtype.linked() == Dtype::U4 && x.dims.c & 1 == 0 && op.clamp == NIBBLE)
}

/// Maximum pooling, see [`MaxPool`]. What [`takes`] refuses runs on the generic tier.
///
/// # Errors
/// Those of [`MaxPool::check`].
pub fn max_pool(x: &Tensor, op: &MaxPool, y: &Tensor) -> Result<(), KernelError> {
    if linked::PORTABLE && !takes(op, &x.spec()) {
        return generic::max_pool(x, op, y);
    }
    op.check(&x.spec(), &y.spec())?;
    let channels = usize::from(x.spec().dims.c);
    if x.spec().dtype.linked() == Dtype::U4 {
        windows(x, &op.geometry, y, channels >> 1, |window, _| {
            store(window, imp::nibbles, larger_nibbles, 0)
        });
        return Ok(());
    }
    windows(x, &op.geometry, y, channels, |window, _| store(window, imp::bytes, larger, 0x80));
    clamp_bytes(y.cells(), op.clamp);
    Ok(())
}

fn larger(a: u8, b: u8) -> u8 {
    (a as i8).max(b as i8) as u8
}

fn larger_nibbles(a: u8, b: u8) -> u8 {
    (a & 0x0f).max(b & 0x0f) | (a & 0xf0).max(b & 0xf0)
}

/// The result of a window: `groups` makes whole groups of bytes, `fold` the bytes behind them.
#[inline(always)]
fn store(window: &Window, groups: fn(&Window, usize), fold: fn(u8, u8) -> u8, lowest: u8) {
    let Some(whole) = window.whole() else { return };
    if whole > 0 {
        groups(window, whole);
    }
    rest(window, whole, fold, lowest);
}

/// Bytes of the result from `first` on.
fn rest(window: &Window, first: usize, fold: fn(u8, u8) -> u8, lowest: u8) {
    for (at, cell) in window.out.iter().enumerate().skip(first) {
        let mut largest = lowest;
        window.each_tap(at, |byte| largest = fold(largest, byte));
        Cell::set(cell, largest);
    }
}

#[cfg(not(dsp))]
mod imp {
    use super::{Window, larger, larger_nibbles, rest};

    fn first<'a>(window: &Window<'a>, whole: usize) -> Window<'a> {
        Window { out: window.out.get(..whole).unwrap_or(&[]), ..*window }
    }

    pub(super) fn bytes(window: &Window, whole: usize) {
        rest(&first(window, whole), 0, larger, 0x80);
    }

    pub(super) fn nibbles(window: &Window, whole: usize) {
        rest(&first(window, whole), 0, larger_nibbles, 0);
    }
}

#[cfg(dsp)]
mod imp {
    #![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

    use core::arch::naked_asm;

    use super::super::Runs;
    use super::super::runs::each_pixel;
    use super::Window;

    macro_rules! max {
        ($name:ident, $start:literal, $tap:literal, $end:literal) => {
            /// # Safety
            /// All runs of pixels and bytes of the result must be there, one of each at least; a run may be empty.
            #[unsafe(naked)]
            unsafe extern "C" fn $name(runs: *const Runs) {
                naked_asm!(
                    core_with_dsp!(),
                    "push {{r4-r11, lr}}",
                    "ldmia r0, {{r4-r10}}",
                    "1:",
                    each_pixel!($start, $tap),
                    $end,
                    "str r2, [r5], #4",
                    "adds r4, #4",
                    "subs r6, #4",
                    "bne 1b",
                    "pop {{r4-r11, pc}}",
                )
            }
        };
    }

    max!(max_bytes, "mov r2, #0x80808080\n", "ssub8 r3, r2, lr\n sel r2, r2, lr\n", "");
    // Low nibbles in r2, high ones in r3: a byte and what another is more than it is the larger one.
    max!(
        max_nibbles,
        "movs r2, #0\n movs r3, #0\n",
        "and r0, lr, #0x0f0f0f0f
         and lr, lr, #0xf0f0f0f0
         uqsub8 r0, r0, r2
         uqsub8 lr, lr, r3
         add r2, r0
         add r3, lr\n",
        "orr r2, r3"
    );

    // SAFETY of both: `Window::whole` has compared the end of the last run with `source`; the four bytes that are read of a
    // pixel belong to it, as `whole` is no more than it has. There are as many results, all cells.

    pub(super) fn bytes(window: &Window, whole: usize) {
        // SAFETY: see above.
        unsafe { max_bytes(&Runs::new(window, whole)) }
    }

    pub(super) fn nibbles(window: &Window, whole: usize) {
        // SAFETY: see above.
        unsafe { max_nibbles(&Runs::new(window, whole)) }
    }
}
