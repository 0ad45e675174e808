//! Widening of a strip of three pixels by instructions: all three at once, row by row.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::product::PIXELS;
use super::widen::Rows;
use crate::WeightBits;

/// What [`Rows`] says, as the instructions find it.
#[repr(C)]
struct Task {
    source: *const Cell<u8>,
    /// Bytes from the first pixel to the other two.
    second: isize,
    third: isize,
    out: *const Cell<u32>,
    /// Bytes from the end of a row to the next.
    behind: isize,
    row_bytes: usize,
    rows: usize,
    sums: *mut [i32; PIXELS],
}

/// Source in r0, the other pixels behind it in r1 and r2, columns in r3; lanes of sums stay in r10 to r12. Frame: the end
/// of a row, from there to the next, a row's bytes, rows.
macro_rules! widen {
    ($name:ident, setup: $setup:literal, step: $step:expr, shift: $shift:literal) => {
        /// # Safety
        /// Every pixel's rows, `out` and `sums` must be there, a row must have at least one step.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r4-r11, lr}}",
                "sub sp, #20",
                "ldmia r0, {{r0-r7}}",
                "strd r4, r5, [sp, #4]",
                "strd r6, r7, [sp, #12]",
                "mov r10, #0",
                "mov r11, #0",
                "mov r12, #0",
                $setup,
                "2:",
                "ldr r4, [sp, #8]",
                "add r4, r0",
                "str r4, [sp]",
                "3:",
                $step,
                "bne 3b",
                "ldr r4, [sp, #4]",
                "ldr r5, [sp, #12]",
                "add r0, r4",
                "subs r5, #1",
                "str r5, [sp, #12]",
                "bne 2b",
                "ldr r3, [sp, #16]",
                "mov r4, #0x00010001",
                "smuad r10, r10, r4",
                "smuad r11, r11, r4",
                "smuad r12, r12, r4",
                "mov r4, #0",
                concat!("sub r10, r4, r10, lsl #", $shift),
                concat!("sub r11, r4, r11, lsl #", $shift),
                concat!("sub r12, r4, r12, lsl #", $shift),
                "stmia r3, {{r10-r12}}",
                "add sp, #20",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

/// Four inputs of each pixel, in r4 to r6.
macro_rules! load {
    () => {
        "ldr r5, [r0, r1]
         ldr r6, [r0, r2]
         ldr r4, [r0], #4\n"
    };
}

widen!(
    widen_8,
    setup: "",
    step: concat!(
        load!(),
        "ldr lr, [sp]
         rev16 r7, r4
         rev16 r8, r5
         rev16 r9, r6
         sxtab16 r10, r10, r4
         sxtab16 r11, r11, r5
         sxtab16 r12, r12, r6
         eor r7, r7, #0x007f007f
         eor r8, r8, #0x007f007f
         eor r9, r9, #0x007f007f
         sxtb16 r4, r4, ror #8
         sxtb16 r5, r5, ror #8
         sxtb16 r6, r6, ror #8
         cmp r0, lr
         stmia r3!, {{r4-r9}}"
    ),
    shift: "15"
);
// lr is the mask of 16-bit lanes times 16.
widen!(
    widen_4,
    setup: "mvn lr, #0x000f000f",
    step: concat!(
        load!(),
        "sxtb16 r7, r4, ror #8
         sxtb16 r8, r5, ror #8
         sxtb16 r9, r6, ror #8
         sxtab16 r10, r10, r4
         sxtab16 r11, r11, r5
         sxtab16 r12, r12, r6
         sxtb16 r4, r4
         sxtb16 r5, r5
         sxtb16 r6, r6
         and r4, lr, r4, lsl #4
         and r5, lr, r5, lsl #4
         and r6, lr, r6, lsl #4
         ssub16 r4, r4, r7
         ssub16 r5, r5, r8
         ssub16 r6, r6, r9
         stmia r3!, {{r4-r9}}
         ldr r7, [sp]
         cmp r0, r7"
    ),
    shift: "7"
);
/// Eight inputs of one pixel, in r4 and r5, to four words; r7 to r9 are masks of lanes times 64, 16 and 4.
macro_rules! eight {
    ($sum:literal, $at:literal) => {
        concat!(
            "sxtab16 ",
            $sum,
            ", ",
            $sum,
            ", r4\n sxtab16 ",
            $sum,
            ", ",
            $sum,
            ", r4, ror #8\n",
            "sxtab16 ",
            $sum,
            ", ",
            $sum,
            ", r5\n",
            "sxtb16 r6, r4\n sxtb16 r4, r4, ror #8\n sxtb16 lr, r5\n sxtb16 r5, r5, ror #8\n",
            "and r6, r7, r6, lsl #6\n and r4, r8, r4, lsl #4\n and lr, r9, lr, lsl #2\n",
            "ssub16 r6, r6, r4\n ssub16 r4, r4, lr\n ssub16 lr, lr, r5\n",
            "str r6, [r3, #",
            $at,
            "]\n str r4, [r3, #12 + ",
            $at,
            "]\n",
            "str lr, [r3, #24 + ",
            $at,
            "]\n str r5, [r3, #36 + ",
            $at,
            "]\n",
        )
    };
}
widen!(
    widen_2,
    setup: "mvn r7, #0x003f003f\n mvn r8, #0x000f000f\n mvn r9, #0x00030003",
    step: concat!(
        "add r6, r0, r1\n ldr r4, [r6]\n ldr r5, [r6, #4]\n",
        eight!("r11", "4"),
        "add r6, r0, r2\n ldr r4, [r6]\n ldr r5, [r6, #4]\n",
        eight!("r12", "8"),
        "ldr r4, [r0], #4\n ldr r5, [r0], #4\n",
        eight!("r10", "0"),
        "add r3, #48\n ldr r4, [sp]\n cmp r0, r4"
    ),
    shift: "7"
);

/// Widens rows; [`Rows::run`] has compared all sizes.
#[inline(always)]
pub(super) fn rows(rows: &Rows) -> [i32; PIXELS] {
    let [first, second, third] = rows.sources.map(|source| source.as_ptr().addr());
    let mut sums = [0; PIXELS];
    let task = Task {
        source: rows.sources[0].as_ptr(),
        second: second.wrapping_sub(first) as isize,
        third: third.wrapping_sub(first) as isize,
        out: rows.out.as_ptr(),
        behind: rows.next as isize - rows.row_bytes as isize,
        row_bytes: rows.row_bytes,
        rows: rows.count,
        sums: &raw mut sums,
    };
    // SAFETY: every source has all bytes up to the end of the last row, `out` two bytes for each of them. All bytes
    // are cells.
    unsafe {
        match rows.bits.linked() {
            WeightBits::W8 => widen_8(&task),
            WeightBits::W4 => widen_4(&task),
            WeightBits::W2 => widen_2(&task),
        }
    }
    sums
}
