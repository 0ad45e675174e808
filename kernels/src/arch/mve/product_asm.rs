//! The products by instructions: eight sums in the registers with even numbers, which is where a vector's dot
//! product can go.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::product::{Dense, Output, PIXELS, Strip};
use crate::WeightBits;

/// What a product works on, as the instructions find it. Offsets are in their text.
#[repr(C)]
struct Task {
    /// The pixels' columns; of a dense layer the input and the distance of two blocks of weights.
    x: [usize; 2],
    weights: *const u8,
    bias: *const i32,
    /// Null asks for accumulators in `raw`.
    multipliers: *const i32,
    y: [*const Cell<u8>; PIXELS],
    /// Vectors behind the first one.
    rest: usize,
    blocks: usize,
    raw: *const Cell<i32>,
    lo: i32,
    hi: i32,
}

/// Weights of four channels at `$w`; `$a` and `$b` say what each channel's vector meets.
macro_rules! weights_8 {
    ($w:literal, $op:literal, $on:ident, [$($acc:tt),*]) => {
        concat!($("vldrb.8 q2, [", $w, "], #16\n", $on!($op, $acc, "q2"),)*)
    };
}
macro_rules! weights_4 {
    ($w:literal, $op:literal, $on:ident, [$a:tt, $b:tt, $c:tt, $d:tt]) => {
        concat!(
            "vldrb.8 q2, [",
            $w,
            "], #16\n vshl.i8 q3, q2, #4\n",
            $on!($op, $a, "q3"),
            "vand q2, q2, q5\n",
            $on!($op, $b, "q2"),
            "vldrb.8 q2, [",
            $w,
            "], #16\n vshl.i8 q3, q2, #4\n",
            $on!($op, $c, "q3"),
            "vand q2, q2, q5\n",
            $on!($op, $d, "q2"),
        )
    };
}
macro_rules! weights_2 {
    ($w:literal, $op:literal, $on:ident, [$a:tt, $b:tt, $c:tt, $d:tt]) => {
        concat!(
            "vldrb.8 q2, [",
            $w,
            "], #16\n vshl.i8 q3, q2, #6\n",
            $on!($op, $a, "q3"),
            "vshl.i8 q3, q2, #4\n vand q3, q3, q5\n",
            $on!($op, $b, "q3"),
            "vshl.i8 q3, q2, #2\n vand q3, q3, q5\n",
            $on!($op, $c, "q3"),
            "vand q2, q2, q5\n",
            $on!($op, $d, "q2"),
        )
    };
}
/// A channel's weights meet two pixels.
macro_rules! two_pixels {
    ($op:literal, [$first:literal, $second:literal], $w:literal) => {
        concat!($op, " ", $first, ", q0, ", $w, "\n", $op, " ", $second, ", q1, ", $w, "\n")
    };
}
/// A channel's weights meet one input.
macro_rules! one_input {
    ($op:literal, $acc:literal, $w:literal) => {
        concat!($op, " ", $acc, ", q0, ", $w, "\n")
    };
}
macro_rules! strip_step {
    ($weights:ident, $op:literal) => {
        concat!(
            "vldrb.8 q0, [r1], #16\n vldrb.8 q1, [r3], #16\n",
            $weights!("r5", $op, two_pixels, [["r0", "r8"], ["r2", "r10"], ["r4", "r12"], ["r6", "lr"]]),
        )
    };
}
macro_rules! dense_step {
    ($weights:ident, $op:literal) => {
        concat!(
            "vldrb.8 q0, [r1], #16\n",
            $weights!("r3", $op, one_input, ["r0", "r2", "r4", "r6"]),
            $weights!("r5", $op, one_input, ["r8", "r10", "r12", "lr"]),
        )
    };
}

/// One kernel. Frame: the task.
macro_rules! kernel {
    (
        $name:ident, $step:ident, $weights:ident, scale: [$mask:literal, $scale:literal],
        start: $start:literal, bias: $bias:literal, multipliers: $multipliers:literal, store: $store:literal,
        next: $next:literal
    ) => {
        /// # Safety
        /// The task's pointers must be valid for its blocks and vectors.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_mve!(),
                "push {{r4-r11, lr}}",
                "vpush {{d10-d15}}",
                "ldmia r0, {{r1-r12}}",
                "stmdb sp!, {{r1-r12}}",
                "vdup.32 q6, r11",
                "vdup.32 q7, r12",
                $mask,
                "mov r11, r5",
                "mov r9, r4",
                "mov r5, r3",
                $start,
                // A block: the first vector starts the sums.
                "2:",
                "ldr r1, [sp]",
                "ldr r7, [sp, #28]",
                $step!($weights, "vmladav.s8"),
                "lsrs r7, r7, #1",
                "bcc 3f",
                $step!($weights, "vmladava.s8"),
                "3:",
                "beq 5f",
                "4:",
                $step!($weights, "vmladava.s8"),
                $step!($weights, "vmladava.s8"),
                "subs r7, #1",
                "bne 4b",
                "5:",
                "vmov q0[2], q0[0], r0, r4",
                "vmov q0[3], q0[1], r2, r6",
                "vmov q1[2], q1[0], r8, r12",
                "vmov q1[3], q1[1], r10, lr",
                $scale,
                $bias,
                "cmp r11, #0",
                "beq 7f",
                $multipliers,
                "vmax.s32 q0, q0, q6",
                "vmax.s32 q1, q1, q6",
                "vmin.s32 q0, q0, q7",
                "vmin.s32 q1, q1, q7",
                $store,
                "6:",
                "ldr r0, [sp, #32]",
                $next,
                "subs r0, #1",
                "str r0, [sp, #32]",
                "bne 2b",
                "add sp, #48",
                "vpop {{d10-d15}}",
                "pop {{r4-r11, pc}}",
                "7:",
                "ldr r0, [sp, #36]",
                "vstrw.32 q0, [r0], #16",
                "vstrw.32 q1, [r0], #16",
                "str r0, [sp, #36]",
                "b 6b",
            )
        }
    };
}

macro_rules! strip_kernel {
    ($name:ident, $weights:ident, $scale:tt) => {
        kernel!($name, strip_step, $weights, scale: $scale,
            start: "mov r3, r2",
            bias: "vldrw.u32 q2, [r9], #16\n vadd.i32 q0, q0, q2\n vadd.i32 q1, q1, q2",
            multipliers: "vldrw.u32 q2, [r11], #16\n vmulh.s32 q0, q0, q2\n vmulh.s32 q1, q1, q2",
            store: "ldrd r0, r2, [sp, #20]\n vstrb.32 q0, [r0], #4\n vstrb.32 q1, [r2], #4\n strd r0, r2, [sp, #20]",
            next: "ldr r3, [sp, #4]");
    };
}
macro_rules! dense_kernel {
    ($name:ident, $weights:ident, $scale:tt) => {
        kernel!($name, dense_step, $weights, scale: $scale,
            // The second block lies behind the first.
            start: "mov r3, r5\n add r5, r2",
            bias: "vldrw.u32 q2, [r9], #16\n vldrw.u32 q3, [r9], #16\n vadd.i32 q0, q0, q2\n vadd.i32 q1, q1, q3",
            multipliers: "vldrw.u32 q2, [r11], #16\n vldrw.u32 q3, [r11], #16\n vmulh.s32 q0, q0, q2\n vmulh.s32 q1, q1, q3",
            store: "ldr r0, [sp, #20]\n vstrb.32 q0, [r0], #4\n vstrb.32 q1, [r0], #4\n str r0, [sp, #20]",
            next: "ldr r2, [sp, #4]\n mov r3, r5\n add r5, r2");
    };
}

strip_kernel!(strip_8, weights_8, ["", ""]);
strip_kernel!(strip_4, weights_4, ["vmov.i8 q5, #0xf0", "vshr.s32 q0, q0, #4\n vshr.s32 q1, q1, #4"]);
strip_kernel!(strip_2, weights_2, ["vmov.i8 q5, #0xc0", "vshr.s32 q0, q0, #6\n vshr.s32 q1, q1, #6"]);
dense_kernel!(dense_8, weights_8, ["", ""]);
dense_kernel!(dense_4, weights_4, ["vmov.i8 q5, #0xf0", "vshr.s32 q0, q0, #4\n vshr.s32 q1, q1, #4"]);
dense_kernel!(dense_2, weights_2, ["vmov.i8 q5, #0xc0", "vshr.s32 q0, q0, #6\n vshr.s32 q1, q1, #6"]);

/// Fills in where results go.
fn directed(output: &Output, task: Task) -> Task {
    match output {
        Output::Bytes { multipliers, clamp, y } => Task {
            multipliers: multipliers.as_ptr(),
            y: y.map(<[_]>::as_ptr),
            lo: i32::from(clamp.lo),
            hi: i32::from(clamp.hi),
            ..task
        },
        Output::Accumulators(raw) => Task { raw: raw.as_ptr(), ..task },
    }
}

const NOTHING: Task = Task {
    x: [0; 2],
    weights: core::ptr::null(),
    bias: core::ptr::null(),
    multipliers: core::ptr::null(),
    y: [core::ptr::null(); PIXELS],
    rest: 0,
    blocks: 0,
    raw: core::ptr::null(),
    lo: 0,
    hi: 0,
};

/// Blocks of four channels by two pixels; the caller has counted them against every slice.
#[inline(always)]
pub(super) fn strip(strip: &Strip, blocks: usize, output: &Output) {
    let task = Task {
        x: strip.columns.map(|column| column.as_ptr().expose_provenance()),
        weights: strip.weights.as_ptr(),
        bias: strip.bias.as_ptr(),
        rest: strip.vectors - 1,
        blocks,
        ..NOTHING
    };
    let task = directed(output, task);
    // SAFETY: `Strip` has seen that columns, weights, biases and outputs are as long as `blocks` and `vectors`
    // need, and that there is a vector and a block. All that is written are cells.
    unsafe {
        match strip.bits {
            WeightBits::W8 => strip_8(&task),
            WeightBits::W4 => strip_4(&task),
            WeightBits::W2 => strip_2(&task),
        }
    }
}

/// Pairs of blocks of four channels by one input; the caller has counted them against every slice.
#[inline(always)]
pub(super) fn dense(dense: &Dense, pairs: usize, output: &Output) {
    let task = Task {
        x: [dense.input.as_ptr().expose_provenance(), dense.stride],
        weights: dense.weights.as_ptr(),
        bias: dense.bias.as_ptr(),
        rest: dense.vectors - 1,
        blocks: pairs,
        ..NOTHING
    };
    let task = directed(output, task);
    // SAFETY: as for `strip`; two blocks lie `stride` apart.
    unsafe {
        match dense.bits {
            WeightBits::W8 => dense_8(&task),
            WeightBits::W4 => dense_4(&task),
            WeightBits::W2 => dense_2(&task),
        }
    }
}
