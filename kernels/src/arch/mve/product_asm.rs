//! The products by instructions: eight sums in the registers with even numbers, which is where a vector's dot
//! product can go.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::product::{End, Pixels, Products, Wide};
use crate::WeightBits;

/// What a product works on, as the instructions find it. Offsets are in their text.
#[repr(C)]
struct Task {
    /// The pixels' columns; of a dense layer the input and the distance of two blocks of weights.
    x: [usize; 2],
    weights: *const u8,
    bias: *const i32,
    /// Null where the high word is not the result: then `end` says what is done with sums.
    multipliers: *const i32,
    y: *const Cell<u8>,
    /// The second pixel's results; of a dense layer of 8-bit weights the bytes of instructions from where its loop is
    /// entered to the loop's end.
    second: usize,
    /// Vectors behind the first one; of a dense layer of 8-bit weights passes of its loop.
    rest: usize,
    blocks: usize,
    end: *mut Other,
    lo: i32,
    hi: i32,
}

/// What is done with sums instead; its pointers move on with the blocks.
#[repr(C)]
struct Other {
    /// Null asks for sums as they are in `raw`.
    multipliers: *const i32,
    raw: *const Cell<i32>,
    /// By how much high words go left, and low words, always to the right: negative.
    shifts: [i32; 2],
    /// The pixels' residual operands, null where there are none; of a dense layer only the first.
    residual: [*const Cell<u8>; 2],
    residual_multiplier: i32,
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

/// Residual operands, their products with the multiplier in `r12`, join 64-bit products `$high` and `$low`; `r10` is 1,
/// the carry of a low word that its sum has become smaller than.
#[cfg(feature = "residual")]
macro_rules! residual {
    ($high:literal, $low:literal, $from:literal) => {
        concat!(
            "vldrb.s32 q2, [",
            $from,
            "], #4\n vdup.32 q5, r12\n vmulh.s32 q5, q2, q5\n vmul.i32 q2, q2, r12\n",
            concat!("vadd.i32 ", $high, ", ", $high, ", q5\n vadd.i32 ", $low, ", ", $low, ", q2\n"),
            concat!("vpt.u32 hi, q2, ", $low, "\n vaddt.i32 ", $high, ", ", $high, ", r10\n"),
        )
    };
}
/// Those of a block, if there are any.
#[cfg(feature = "residual")]
macro_rules! residuals {
    ($second:literal, $mask:literal) => {
        concat!(
            "ldrd r2, r4, [r0, #16]\n cbz r2, 9f\n ldr r12, [r0, #24]\n mov r10, #1\n",
            residual!("q0", "q3", "r2"),
            residual!("q1", "q4", $second),
            "strd r2, r4, [r0, #16]\n",
            $mask,
            "\n 9:\n",
        )
    };
}
#[cfg(not(feature = "residual"))]
macro_rules! residuals {
    ($second:literal, $mask:literal) => {
        ""
    };
}

/// One kernel. Frame: the task.
macro_rules! kernel {
    (
        $name:ident, sums: $sums:expr, scale: [$mask:literal, $scale:literal],
        start: $start:literal, bias: $bias:literal, multipliers: [$first:literal, $second:literal, $joined:literal],
        residual: $residual:literal, store: $store:literal, next: $next:literal
    ) => {
        /// # Safety
        /// The task's pointers must be valid for its blocks and vectors.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_mve!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
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
                concat!("vldrw.u32 q2, [r7], #16\n", $first),
                concat!("vmulh.s32 q0, q0, q2\n vmulh.s32 q1, q1, ", $joined),
                "6:",
                "vmax.s32 q0, q0, q6",
                "vmax.s32 q1, q1, q6",
                "vmin.s32 q0, q0, q7",
                "vmin.s32 q1, q1, q7",
                $store,
                "8:",
                "ldr r0, [sp, #32]",
                $next,
                "subs r0, #1",
                "str r0, [sp, #32]",
                "bne 2b",
                "add sp, #48",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                // Another end than high words.
                "7:",
                "ldr r0, [sp, #36]",
                "ldr r1, [r0]",
                "cbnz r1, 3f",
                "ldr r1, [r0, #4]",
                "vstrw.32 q0, [r1], #16",
                "vstrw.32 q1, [r1], #16",
                "str r1, [r0, #4]",
                "b 8b",
                "3:",
                "vldrw.u32 q2, [r1], #16",
                "vmul.i32 q3, q0, q2",
                "vmulh.s32 q0, q0, q2",
                $second,
                "vmul.i32 q4, q1, q2",
                "vmulh.s32 q1, q1, q2",
                "str r1, [r0]",
                residuals!($residual, $mask),
                // See `MIN_SHIFT`.
                "ldrd r6, r8, [r0, #8]",
                "vqshl.s32 q0, r6",
                "vqshl.s32 q1, r6",
                "vshl.u32 q3, r8",
                "vshl.u32 q4, r8",
                "vorr q0, q0, q3",
                "vorr q1, q1, q4",
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
            // The pixels share channels.
            multipliers: ["", "", "q2"],
            residual: "r4",
            store: "ldrd r0, r2, [sp, #20]\n vstrb.32 q0, [r0], #4\n vstrb.32 q1, [r2], #4\n strd r0, r2, [sp, #20]",
            next: "ldr r3, [sp, #4]");
    };
}
macro_rules! dense_kernel {
    ($name:ident, sums: $sums:expr, scale: $scale:tt, start: $start:literal, bias: $bias:literal) => {
        kernel!($name, sums: $sums, scale: $scale, start: $start, bias: $bias,
            multipliers: ["vldrw.u32 q3, [r7], #16", "vldrw.u32 q2, [r1], #16", "q3"],
            residual: "r2",
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

impl Task {
    /// All but the pixels.
    #[inline(always)]
    fn new(products: &Products) -> Self {
        let nothing: *const i32 = core::ptr::null();
        let (multipliers, lo, hi) = match products.end {
            End::Bytes { multipliers, clamp, wide: None } => (multipliers.as_ptr(), clamp.lo, clamp.hi),
            End::Bytes { clamp, .. } => (nothing, clamp.lo, clamp.hi),
            End::Accumulators(_) => (nothing, 0, 0),
        };
        Self {
            x: [0; 2],
            weights: products.weights.as_ptr(),
            bias: products.bias.as_ptr(),
            multipliers,
            y: core::ptr::null(),
            second: 0,
            rest: products.vectors.wrapping_sub(1),
            blocks: products.groups,
            end: core::ptr::null_mut(),
            lo: lo.into(),
            hi: hi.into(),
        }
    }
}

impl Other {
    #[inline(always)]
    fn new(products: &Products, residual: Option<&Pixels>) -> Self {
        let residual = residual.map_or([core::ptr::null(); 2], |pixels| pixels.map(<[_]>::as_ptr));
        let (multipliers, raw) = (core::ptr::null(), core::ptr::null());
        let none = Self { multipliers, raw, shifts: [0; 2], residual, residual_multiplier: 0 };
        match products.end {
            End::Bytes { multipliers, wide: Some(Wide { shift, residual_multiplier }), .. } => {
                let shifts = [32 - i32::from(shift), -i32::from(shift)];
                Self { multipliers: multipliers.as_ptr(), shifts, residual_multiplier, ..none }
            }
            End::Bytes { .. } => none,
            End::Accumulators(raw) => Self { raw: raw.as_ptr(), ..none },
        }
    }
}

/// The task of a step.
pub(super) struct Ready(Task);

impl Ready {
    #[inline(always)]
    pub(super) fn new(products: &Products) -> Self {
        Self(Task::new(products))
    }
}

/// Blocks of four channels by two pixels; the caller has counted them against every slice.
#[inline(always)]
pub(super) fn strip(
    products: &Products,
    ready: &mut Ready,
    columns: Pixels,
    y: Pixels,
    residual: Option<Pixels>,
) {
    let task = &mut ready.0;
    task.x = columns.map(|column| column.as_ptr().expose_provenance());
    task.y = y[0].as_ptr();
    task.second = y[1].as_ptr().expose_provenance();
    let mut other;
    if !matches!(products.end, End::Bytes { wide: None, .. }) {
        other = Other::new(products, residual.as_ref());
        task.end = &raw mut other;
    }
    // SAFETY: `Strip` has seen that columns, weights, biases and what results and residual operands lie in are as long as
    // `groups` and `vectors` need, and that there is a vector and a block. All that is written are cells and `other`,
    // which is there where the task has no multipliers.
    unsafe {
        match products.bits.linked() {
            WeightBits::W8 => strip_8(task),
            WeightBits::W4 => strip_4(task),
            WeightBits::W2 => strip_2(task),
        }
    }
}

/// Pairs of blocks of four channels by one input; the caller has counted them against every slice.
#[inline(always)]
pub(super) fn dense(
    products: &Products,
    (input, stride): (&[Cell<u8>], usize),
    y: Pixels,
    residual: Option<Pixels>,
) {
    let mut task = Task::new(products);
    task.x = [input.as_ptr().expose_provenance(), stride];
    task.y = y[0].as_ptr();
    if products.bits == WeightBits::W8 {
        let (vectors, bytes) = UNROLLED;
        task.second = (((products.vectors - 1) & (vectors - 1)) + 1) * bytes;
        task.rest = (products.vectors + vectors - 1) >> vectors.ilog2();
    }
    let mut other;
    if !matches!(products.end, End::Bytes { wide: None, .. }) {
        other = Other::new(products, residual.as_ref());
        task.end = &raw mut other;
    }
    let task = &raw const task;
    // SAFETY: as for `strip`; two blocks lie `stride` apart. The loop of 8-bit weights is entered a whole number of
    // vectors before its end.
    unsafe {
        match products.bits.linked() {
            WeightBits::W8 => dense_8(task),
            WeightBits::W4 => dense_4(task),
            WeightBits::W2 => dense_2(task),
        }
    }
}
