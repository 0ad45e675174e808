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
    y: *const Cell<u8>,
    /// The second pixel's results; of a dense layer of 8-bit weights the bytes of instructions from where its loop is
    /// entered to the loop's end.
    second: usize,
    /// Vectors behind the first one; of a dense layer of 8-bit weights passes of its loop.
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

/// Sums of a block without their bias: the first vector starts them.
macro_rules! counted {
    ($step:ident, $weights:ident) => {
        concat!(
            "ldr r1, [sp]\n ldr r11, [sp, #28]\n",
            $step!($weights, "vmladav.s8"),
            "lsrs r11, r11, #1\n bcc 3f\n",
            $step!($weights, "vmladava.s8"),
            "3:\n beq 5f\n",
            "4:\n",
            $step!($weights, "vmladava.s8"),
            $step!($weights, "vmladava.s8"),
            "subs r11, #1\n bne 4b\n",
            "5:\n",
        )
    };
}
/// Sums of a pair of blocks of 8-bit weights on their biases, four vectors a pass.
macro_rules! entered {
    () => {
        concat!(
            "ldr r1, [sp]\n ldmia.w r9!, {{r0, r2, r4, r6, r8, r10, r12, lr}}\n",
            "ldr r11, [sp, #28]\n ldr pc, [sp, #24]\n",
            "4:\n",
            dense_step!(weights_8, "vmladava.s8"),
            dense_step!(weights_8, "vmladava.s8"),
            dense_step!(weights_8, "vmladava.s8"),
            dense_step!(weights_8, "vmladava.s8"),
            "5:\n subs r11, #1\n bne 4b\n",
        )
    };
}

/// One kernel. Frame: the task.
macro_rules! kernel {
    (
        $name:ident, sums: $sums:expr, scale: [$mask:literal, $scale:literal],
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
                "mov r9, r4",
                "mov r7, r5",
                "mov r5, r3",
                $start,
                // A block.
                "2:",
                $sums,
                "vmov q0[2], q0[0], r0, r4",
                "vmov q0[3], q0[1], r2, r6",
                "vmov q1[2], q1[0], r8, r12",
                "vmov q1[3], q1[1], r10, lr",
                $scale,
                $bias,
                "cbz r7, 7f",
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
        kernel!($name, sums: counted!(strip_step, $weights), scale: $scale,
            start: "mov r3, r2",
            bias: "vldrw.u32 q2, [r9], #16\n vadd.i32 q0, q0, q2\n vadd.i32 q1, q1, q2",
            multipliers: "vldrw.u32 q2, [r7], #16\n vmulh.s32 q0, q0, q2\n vmulh.s32 q1, q1, q2",
            store: "ldrd r0, r2, [sp, #20]\n vstrb.32 q0, [r0], #4\n vstrb.32 q1, [r2], #4\n strd r0, r2, [sp, #20]",
            next: "ldr r3, [sp, #4]");
    };
}
macro_rules! dense_kernel {
    ($name:ident, sums: $sums:expr, scale: $scale:tt, start: $start:literal, bias: $bias:literal) => {
        kernel!($name, sums: $sums, scale: $scale, start: $start, bias: $bias,
            multipliers: "vldrw.u32 q2, [r7], #16\n vldrw.u32 q3, [r7], #16\n vmulh.s32 q0, q0, q2\n vmulh.s32 q1, q1, q3",
            store: "ldr r0, [sp, #20]\n vstrb.32 q0, [r0], #4\n vstrb.32 q1, [r0], #4\n str r0, [sp, #20]",
            next: "ldr r2, [sp, #4]\n mov r3, r5\n add r5, r2");
    };
}
macro_rules! narrow_dense_kernel {
    ($name:ident, $weights:ident, $scale:tt) => {
        dense_kernel!($name, sums: counted!(dense_step, $weights), scale: $scale,
            // The second block lies behind the first.
            start: "mov r3, r5\n add r5, r2",
            bias: "vldrw.u32 q2, [r9], #16\n vldrw.u32 q3, [r9], #16\n vadd.i32 q0, q0, q2\n vadd.i32 q1, q1, q3");
    };
}

strip_kernel!(strip_8, weights_8, ["", ""]);
strip_kernel!(strip_4, weights_4, ["vmov.i8 q5, #0xf0", "vshr.s32 q0, q0, #4\n vshr.s32 q1, q1, #4"]);
strip_kernel!(strip_2, weights_2, ["vmov.i8 q5, #0xc0", "vshr.s32 q0, q0, #6\n vshr.s32 q1, q1, #6"]);
// Biases join sums that have no factor, so they may come first.
dense_kernel!(dense_8, sums: entered!(), scale: ["", ""],
    start: "mov r3, r5\n add r5, r2\n ldr r1, [sp, #24]\n adr r0, 5f\n sub r0, r1\n orr r0, #1\n str r0, [sp, #24]",
    bias: "");
narrow_dense_kernel!(dense_4, weights_4, ["vmov.i8 q5, #0xf0", "vshr.s32 q0, q0, #4\n vshr.s32 q1, q1, #4"]);
narrow_dense_kernel!(dense_2, weights_2, ["vmov.i8 q5, #0xc0", "vshr.s32 q0, q0, #6\n vshr.s32 q1, q1, #6"]);

/// Vectors that a pass of [`entered`] takes, and the bytes of instructions for each.
const UNROLLED: (usize, usize) = (4, 17 * 4);

/// Fills in where results go.
fn directed(output: &Output, task: Task) -> Task {
    match output {
        Output::Bytes { multipliers, clamp, y } => Task {
            multipliers: multipliers.as_ptr(),
            y: y[0].as_ptr(),
            second: if task.second == 0 { y[1].as_ptr().expose_provenance() } else { task.second },
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
    y: core::ptr::null(),
    second: 0,
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
    let (vectors, bytes) = UNROLLED;
    let (second, rest) = match dense.bits {
        WeightBits::W8 => {
            let first = ((dense.vectors - 1) & (vectors - 1)) + 1;
            (first * bytes, (dense.vectors + vectors - 1) >> vectors.ilog2())
        }
        _ => (0, dense.vectors - 1),
    };
    let task = Task {
        x: [dense.input.as_ptr().expose_provenance(), dense.stride],
        weights: dense.weights.as_ptr(),
        bias: dense.bias.as_ptr(),
        second,
        rest,
        blocks: pairs,
        ..NOTHING
    };
    let task = directed(output, task);
    // SAFETY: as for `strip`; two blocks lie `stride` apart. The loop of 8-bit weights is entered a whole number of
    // vectors before its end.
    unsafe {
        match dense.bits {
            WeightBits::W8 => dense_8(&task),
            WeightBits::W4 => dense_4(&task),
            WeightBits::W2 => dense_2(&task),
        }
    }
}
