//! Widening of a strip of three pixels by instructions: all three at once, one store for four inputs of each.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::product::PIXELS;

type Pixels = [*const Cell<u8>; PIXELS];

/// Sources in r0 to r2, columns in r3; sums stay in r10 to r12. lr counts, or holds a mask.
macro_rules! widen {
    ($name:ident, $setup:literal, $first:literal, $combine:literal, $again:literal) => {
        /// # Safety
        /// `count` (at least 1) times four bytes behind each source and six words behind `out` must be there.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            source: *const Pixels,
            out: *const Cell<u32>,
            count: usize,
            sums: *mut [u32; PIXELS],
        ) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r3-r11, lr}}",
                "mov lr, r2",
                "ldmia r3, {{r10-r12}}",
                "mov r3, r1",
                "ldmia r0, {{r0-r2}}",
                $setup,
                "2:",
                "ldr r4, [r0], #4",
                "ldr r5, [r1], #4",
                "ldr r6, [r2], #4",
                $first,
                "sxtab16 r10, r10, r4",
                "sxtab16 r11, r11, r5",
                "sxtab16 r12, r12, r6",
                $combine,
                "stmia r3!, {{r4-r9}}",
                $again,
                "bne 2b",
                "pop {{r3}}",
                "stmia r3, {{r10-r12}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

widen!(
    strip_8,
    "",
    "rev16 r7, r4
     rev16 r8, r5
     rev16 r9, r6",
    "eor r7, r7, #0x007f007f
     eor r8, r8, #0x007f007f
     eor r9, r9, #0x007f007f
     sxtb16 r4, r4, ror #8
     sxtb16 r5, r5, ror #8
     sxtb16 r6, r6, ror #8",
    "subs lr, #1"
);
// The end of the first source goes to the stack, so that lr can hold the mask of 16-bit lanes times 16.
widen!(
    strip_4,
    "add lr, r0, lr, lsl #2
     str lr, [sp, #-4]!
     mvn lr, #0x000f000f",
    "sxtb16 r7, r4, ror #8
     sxtb16 r8, r5, ror #8
     sxtb16 r9, r6, ror #8",
    "sxtb16 r4, r4
     sxtb16 r5, r5
     sxtb16 r6, r6
     and r4, lr, r4, lsl #4
     and r5, lr, r5, lsl #4
     and r6, lr, r6, lsl #4
     ssub16 r4, r4, r7
     ssub16 r5, r5, r8
     ssub16 r6, r6, r9",
    "ldr r7, [sp]
     cmp r0, r7
     bne 2b
     add sp, #4"
);

/// As many steps as sources and columns have.
#[inline(always)]
fn run(
    kernel: unsafe extern "C" fn(*const Pixels, *const Cell<u32>, usize, *mut [u32; PIXELS]),
    source: [&[Cell<u8>]; PIXELS],
    out: &[Cell<u32>],
    sums: &mut [u32; PIXELS],
) {
    // A division by six would be a wide multiplication: the sources say how many, the columns agree or not.
    let steps = source.iter().fold(usize::MAX, |steps, bytes| steps.min(bytes.len() >> 2));
    if steps > 0 && steps * 2 * PIXELS <= out.len() {
        let source = source.map(<[_]>::as_ptr);
        // SAFETY: `steps` was limited by every source and by `out`; all bytes are cells.
        unsafe { kernel(&source, out.as_ptr(), steps, sums) }
    }
}

/// [`widen8`](super::widen::widen8) of three pixels.
#[inline(always)]
pub(super) fn widen8(source: [&[Cell<u8>]; PIXELS], out: &[Cell<u32>], sums: &mut [u32; PIXELS]) {
    run(strip_8, source, out, sums);
}

/// [`widen4`](super::widen::widen4) of three pixels.
#[inline(always)]
pub(super) fn widen4(source: [&[Cell<u8>]; PIXELS], out: &[Cell<u32>], sums: &mut [u32; PIXELS]) {
    run(strip_4, source, out, sums);
}
