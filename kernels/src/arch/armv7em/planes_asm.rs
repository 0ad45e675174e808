//! Channels of a depthwise 3x3 convolution by instructions: six words of weights stay in registers.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::planes::{Class, Group, Pairs};
use crate::linked;

/// What [`Group`] says, as the instructions find it on their stack, behind the plane's row, bias and multiplier of a
/// channel.
#[repr(C)]
struct Task {
    /// Bytes of a row that start a result.
    width: usize,
    /// From behind the last pair of a row to the next row of results.
    advance: isize,
    rows_left: usize,
    rows: usize,
    plane: *const Cell<u32>,
    plane_bytes: usize,
    weights: *const Pairs,
    bias: *const i32,
    multipliers: *const i32,
    out: *const Cell<u8>,
    channels: usize,
    scale: u32,
    step: usize,
}

/// Two neighbouring results at stride 1 from four values of a row.
macro_rules! row_1 {
    ($load:literal, $low:literal, $high:literal) => {
        concat!(
            "ldrd r2, r3, ",
            $load,
            "\n",
            "smlad r10, r2, ",
            $low,
            ", r10\n smlabt r10, r3, ",
            $high,
            ", r10\n",
            "smlatb r11, r2, ",
            $low,
            ", r11\n smlad r11, r3, ",
            $high,
            ", r11\n",
        )
    };
}
/// Two results at stride 2 from five values of a row.
macro_rules! row_2 {
    ($load:literal, $last:literal, $low:literal, $high:literal) => {
        concat!(
            "ldrd r2, r3, ",
            $load,
            "\n",
            "smlad r10, r2, ",
            $low,
            ", r10\n smlabt r10, r3, ",
            $high,
            ", r10\n",
            "smlad r11, r3, ",
            $low,
            ", r11\n ldr r2, ",
            $last,
            "\n smlabt r11, r2, ",
            $high,
            ", r11\n",
        )
    };
}

/// r0 walks the plane's row, r1 the results; r12 is the step between them.
macro_rules! channel {
    ($name:ident, $next_row:literal, [$($row:expr),*]) => {
        /// # Safety
        /// The task's planes, constants and output must be as large as its channels, rows and width say.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r4-r11, lr}}",
                "sub sp, #60",
                "add lr, sp, #12",
                "ldmia r0!, {{r1-r6}}",
                "stmia lr!, {{r1-r6}}",
                "ldmia r0!, {{r1-r6}}",
                "stmia lr!, {{r1-r6}}",
                "ldr r12, [r0]",
                // A channel.
                "1:",
                "ldr r0, [sp, #36]",
                "ldrd r6, r7, [r0, #32]",
                "ldrd r8, r9, [r0, #64]",
                "ldrd r4, r5, [r0], #8",
                "str r0, [sp, #36]",
                "ldrd r0, r1, [sp, #40]",
                "ldr r2, [r0], #4",
                "ldr r3, [r1], #4",
                "strd r0, r1, [sp, #40]",
                "ldr r0, [sp, #56]",
                "lsl r2, r2, r0",
                "strd r2, r3, [sp, #4]",
                "ldrd r0, r1, [sp, #28]",
                "str r0, [sp]",
                "add r0, r1",
                "str r0, [sp, #28]",
                "ldr r0, [sp, #24]",
                "str r0, [sp, #20]",
                "ldr r1, [sp, #48]",
                "add r0, r1, #1",
                "str r0, [sp, #48]",
                // A row of results.
                "2:",
                "ldr r0, [sp]",
                "ldr lr, [sp, #12]",
                "add lr, r0",
                "3:",
                "ldr r10, [sp, #4]",
                "mov r11, r10",
                $($row,)*
                "ldr r2, [sp, #8]",
                "smmul r10, r10, r2",
                "smmul r11, r11, r2",
                "ssat r10, #8, r10",
                "ssat r11, #8, r11",
                "strb r10, [r1]",
                // The second result of an odd row's last pair is not there.
                "cmp r0, lr",
                "it ls",
                "strbls r11, [r1, r12]",
                "add r1, r1, r12, lsl #1",
                "blo 3b",
                "ldrd r2, r3, [sp, #16]",
                "add r1, r2",
                "ldr r0, [sp]",
                concat!("add r0, #", $next_row),
                "str r0, [sp]",
                "subs r3, #1",
                "str r3, [sp, #20]",
                "bne 2b",
                "ldr r0, [sp, #52]",
                "subs r0, #1",
                "str r0, [sp, #52]",
                "bne 1b",
                "add sp, #60",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

channel!(
    narrow_1,
    "32",
    [row_1!("[r0, #32]", "r6", "r7"), row_1!("[r0, #64]", "r8", "r9"), row_1!("[r0], #4", "r4", "r5")]
);
channel!(
    narrow_2,
    "64",
    [
        row_2!("[r0, #32]", "[r0, #40]", "r6", "r7"),
        row_2!("[r0, #64]", "[r0, #72]", "r8", "r9"),
        row_2!("[r0]", "[r0, #8]!", "r4", "r5")
    ]
);

channel!(
    middle_1,
    "128",
    [row_1!("[r0, #128]", "r6", "r7"), row_1!("[r0, #256]", "r8", "r9"), row_1!("[r0], #4", "r4", "r5")]
);
channel!(
    middle_2,
    "256",
    [
        row_2!("[r0, #128]", "[r0, #136]", "r6", "r7"),
        row_2!("[r0, #256]", "[r0, #264]", "r8", "r9"),
        row_2!("[r0]", "[r0, #8]!", "r4", "r5")
    ]
);

channel!(
    wide_1,
    "256",
    [row_1!("[r0, #256]", "r6", "r7"), row_1!("[r0, #512]", "r8", "r9"), row_1!("[r0], #4", "r4", "r5")]
);
channel!(
    wide_2,
    "512",
    [
        row_2!("[r0, #256]", "[r0, #264]", "r6", "r7"),
        row_2!("[r0, #512]", "[r0, #520]", "r8", "r9"),
        row_2!("[r0]", "[r0, #8]!", "r4", "r5")
    ]
);

/// All results of a group; the caller has compared its shape with planes, constants and output.
#[inline(always)]
pub(super) fn group(group: &Group) {
    let odd = (group.columns & 1) * group.step;
    let task = Task {
        width: group.columns * group.stride * 2,
        advance: -(odd as isize),
        rows_left: 0,
        rows: group.rows,
        plane: group.planes.as_ptr(),
        plane_bytes: group.plane_words * 4,
        weights: group.weights,
        bias: group.bias.as_ptr(),
        multipliers: group.multipliers.as_ptr(),
        out: group.out.as_ptr(),
        channels: group.channels,
        scale: group.scale,
        step: group.step,
    };
    // SAFETY: a row's loop reads one word behind the last pair's and writes `columns` bytes `step` apart, which
    // `Group::run` has compared with planes and output, as it has the channels with the constants. All bytes written
    // are cells.
    unsafe {
        match (group.class, group.stride) {
            (Class::Narrow, 2) if linked::STRIDE2 => narrow_2(&task),
            (Class::Middle, 1) if linked::LONG_ROWS => middle_1(&task),
            (Class::Middle, 2) if linked::LONG_ROWS && linked::STRIDE2 => middle_2(&task),
            (Class::Wide, 1) if linked::LONG_ROWS => wide_1(&task),
            (Class::Wide, 2) if linked::LONG_ROWS && linked::STRIDE2 => wide_2(&task),
            // What is not linked was refused.
            _ => narrow_1(&task),
        }
    }
}
