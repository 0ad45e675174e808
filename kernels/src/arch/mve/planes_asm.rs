//! Depthwise 3x3 by instructions: the bytes of four rows side by side, sixteen channels at a time, so that one
//! dot product takes all nine taps of a result.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::planes::{BLOCK, Group, ROWS};
use crate::{WeightBits, linked};

/// # Safety
/// `pixels` vectors of the first `channels` bytes, `steps` apart, must be readable at each row, and as many blocks
/// writable.
#[unsafe(naked)]
unsafe extern "C" fn interleave_rows(
    rows: &[*const Cell<u8>; ROWS],
    steps: &[usize; ROWS],
    out: *const Cell<u8>,
    channels: usize,
    pixels: usize,
) {
    naked_asm!(
        core_with_mve!(),
        "push {{r4-r11, lr}}",
        "ldr r4, [sp, #36]",
        "vctp.8 r3",
        "mov r12, r2",
        "mov r11, r1",
        "dls lr, r4",
        "ldm r11, {{r4-r7}}",
        "ldm r0, {{r0-r3}}",
        "2:",
        "vpstttt",
        "vldrbt.u8 q0, [r0]",
        "vldrbt.u8 q1, [r1]",
        "vldrbt.u8 q2, [r2]",
        "vldrbt.u8 q3, [r3]",
        "add r0, r4",
        "add r1, r5",
        "add r2, r6",
        "add r3, r7",
        "vst40.8 {{q0, q1, q2, q3}}, [r12]",
        "vst41.8 {{q0, q1, q2, q3}}, [r12]",
        "vst42.8 {{q0, q1, q2, q3}}, [r12]",
        "vst43.8 {{q0, q1, q2, q3}}, [r12]!",
        "le lr, 2b",
        "pop {{r4-r11, pc}}",
    )
}

macro_rules! load_8 {
    ($q:literal) => {
        concat!("vpst\n vldrbt.u8 ", $q, ", [r4]\n")
    };
}
macro_rules! load_4 {
    ($q:literal) => {
        concat!(
            "vpst\n vldrbt.u16 ",
            $q,
            ", [r4]\n",
            "vshl.i16 q3, ",
            $q,
            ", #4\n vorr ",
            $q,
            ", ",
            $q,
            ", q3\n",
            "vshl.i8 ",
            $q,
            ", ",
            $q,
            ", #4\n vshr.s8 ",
            $q,
            ", ",
            $q,
            ", #4\n",
        )
    };
}
macro_rules! load_2 {
    ($q:literal) => {
        concat!(
            "vpst\n vldrbt.u32 ",
            $q,
            ", [r4]\n",
            "vshl.i32 q3, ",
            $q,
            ", #6\n vorr ",
            $q,
            ", ",
            $q,
            ", q3\n",
            "vshl.i32 q3, ",
            $q,
            ", #12\n vorr ",
            $q,
            ", ",
            $q,
            ", q3\n",
            "vshl.i8 ",
            $q,
            ", ",
            $q,
            ", #6\n vshr.s8 ",
            $q,
            ", ",
            $q,
            ", #6\n",
        )
    };
}

/// Blocks of the weights of sixteen channels, one for each kernel column and a last one of zeros.
macro_rules! weights {
    ($name:ident, $predicate:literal, $load:ident) => {
        /// # Safety
        /// `units` elements must be readable at each of nine rows `pitch` apart, four blocks writable.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(source: *const u8, pitch: usize, units: usize, out: *const Cell<u8>) {
            naked_asm!(
                core_with_mve!(),
                "push {{r4, r5, r7, lr}}",
                concat!($predicate, " r2"),
                "add r2, r1, r1, lsl #1",
                "movs r5, #3",
                "2:",
                "mov r4, r0",
                $load!("q0"),
                "add r4, r2",
                $load!("q1"),
                "add r4, r2",
                $load!("q2"),
                "vmov.i32 q3, #0",
                "vst40.8 {{q0, q1, q2, q3}}, [r3]",
                "vst41.8 {{q0, q1, q2, q3}}, [r3]",
                "vst42.8 {{q0, q1, q2, q3}}, [r3]",
                "vst43.8 {{q0, q1, q2, q3}}, [r3]!",
                "add r0, r1",
                "subs r5, #1",
                "bne 2b",
                "vstrw.32 q3, [r3]",
                "vstrw.32 q3, [r3, #16]",
                "vstrw.32 q3, [r3, #32]",
                "vstrw.32 q3, [r3, #48]",
                "pop {{r4, r5, r7, pc}}",
            )
        }
    };
}

weights!(weights_8, "vctp.8", load_8);
weights!(weights_4, "vctp.16", load_4);
weights!(weights_2, "vctp.32", load_2);

/// What the products of a group work on. Offsets are in the text of the instructions.
#[repr(C)]
struct Task {
    /// Bytes of the first result of each row.
    y: [usize; 2],
    /// Of the first channel, one column before its first.
    planes: usize,
    weights: usize,
    bias: *const i32,
    multipliers: *const i32,
    columns: usize,
    /// Bytes between four results.
    step: usize,
    channels: usize,
    lo: i32,
    hi: i32,
    /// Of four columns of a block.
    offsets: [u32; 4],
    /// Of four results.
    places: [u32; 4],
    /// By how much high words go left, and low words, always to the right: negative.
    shifts: [i32; 2],
}

/// All channels of a group. Frame: the saved registers, then the task's address at 0.
macro_rules! channels {
    (
        $name:ident, step: $step:literal, second: [$($second:literal),*], moves: [$($moves:literal),*],
        requantize: [$($requantize:expr),*], limits: [$($limits:literal),*], store: $store:literal
    ) => {
        /// # Safety
        /// The task's pointers must be valid for its channels and columns, those of the planes for whole vectors
        /// of columns.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *mut Task) {
            naked_asm!(
                core_with_mve!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "push {{r0, r1}}",
                "ldr r9, [r0, #36]",
                "ldr r11, [r0, #40]",
                "vdup.32 q3, r9",
                "vldrw.u32 q7, [r0, #60]",
                // A channel.
                "2:",
                "vldrw.u32 q6, [r0, #44]",
                "ldrd r2, r4, [r0, #8]",
                "vldrw.u32 q4, [r4, q6]",
                "vadd.i32 q6, q6, r2",
                "adds r2, #4",
                "adds r4, #4",
                "strd r2, r4, [r0, #8]",
                "vshl.i32 q5, q4, #8",
                "ldrd r2, r4, [r0, #16]",
                "ldr r5, [r2], #4",
                "ldr r7, [r4], #4",
                "strd r2, r4, [r0, #16]",
                "ldrd r1, r3, [r0]",
                "adds r2, r1, #1",
                "adds r4, r3, #1",
                "strd r2, r4, [r0]",
                "ldr r9, [r0, #24]",
                // Four columns.
                "3:",
                concat!("vldrw.u32 q0, [q6, #", $step, "]!"),
                "vmladav.s8 r0, q0, q4",
                $(concat!("vmladav.s8 r8, ", $second),)*
                concat!("vldrw.u32 q0, [q6, #", $step, "]!"),
                "vmladav.s8 r2, q0, q4",
                $(concat!("vmladav.s8 r10, ", $second),)*
                concat!("vldrw.u32 q0, [q6, #", $step, "]!"),
                "vmladav.s8 r4, q0, q4",
                $(concat!("vmladav.s8 r12, ", $second),)*
                concat!("vldrw.u32 q0, [q6, #", $step, "]!"),
                "vmladav.s8 r6, q0, q4",
                $(concat!("vmladav.s8 lr, ", $second),)*
                "vmov q0[2], q0[0], r0, r4",
                "vmov q0[3], q0[1], r2, r6",
                $($moves,)*
                "ldr r0, [sp]",
                "vdup.32 q2, r7",
                "vadd.i32 q0, q0, r5",
                $($requantize,)*
                "vmax.s32 q0, q0, q3",
                "vdup.32 q2, r11",
                "vmin.s32 q0, q0, q2",
                $($limits,)*
                "vctp.32 r9",
                "ldr r2, [r0, #28]",
                $store,
                "add r1, r2",
                "add r3, r2",
                "subs r9, #4",
                "bgt 3b",
                "ldr r2, [r0, #32]",
                "subs r2, #1",
                "str r2, [r0, #32]",
                "bne 2b",
                "add sp, #8",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

/// Sums times multipliers, at shift 32.
macro_rules! high_words {
    ($sums:literal) => {
        concat!("vmulh.s32 ", $sums, ", ", $sums, ", q2\n")
    };
}

/// At other shifts, see [`MIN_SHIFT`](super::MIN_SHIFT); takes the place of the lower limit.
macro_rules! any_shift {
    ($sums:literal) => {
        concat!(
            "vmul.i32 q3, ",
            $sums,
            ", q2\n",
            high_words!($sums),
            "vqshl.s32 ",
            $sums,
            ", r2\n vshl.u32 q3, r4\n vorr ",
            $sums,
            ", ",
            $sums,
            ", q3\n",
        )
    };
}

macro_rules! two_rows {
    ($name:ident, $requantize:ident, [$($before:literal),*], [$($behind:literal),*]) => {
        channels!($name, step: "64", second: ["q0, q5"],
            moves: ["vmov q1[2], q1[0], r8, r12", "vmov q1[3], q1[1], r10, lr", "vadd.i32 q1, q1, r5"],
            requantize: [$($before,)* $requantize!("q0"), $requantize!("q1") $(, $behind)*],
            limits: ["vmax.s32 q1, q1, q3", "vmin.s32 q1, q1, q2"],
            // The second row first: where there is none it is the first one's place.
            store: "vpstt\n vstrbt.32 q1, [r3, q7]\n vstrbt.32 q0, [r1, q7]");
    };
}
macro_rules! one_row {
    ($name:ident, $requantize:ident, [$($before:literal),*], [$($behind:literal),*]) => {
        channels!($name, step: "128", second: [], moves: [],
            requantize: [$($before,)* $requantize!("q0") $(, $behind)*],
            limits: [],
            store: "vpst\n vstrbt.32 q0, [r1, q7]");
    };
}

two_rows!(two_rows_32, high_words, [], []);
one_row!(one_row_32, high_words, [], []);
two_rows!(two_rows_any, any_shift, ["ldrd r2, r4, [r0, #76]"], ["ldr r2, [r0, #36]", "vdup.32 q3, r2"]);
one_row!(one_row_any, any_shift, ["ldrd r2, r4, [r0, #76]"], ["ldr r2, [r0, #36]", "vdup.32 q3, r2"]);

/// Four rows of `pixels` pixels as blocks; the caller has compared all of them with what is read and written.
#[inline(always)]
pub(super) fn interleave(
    rows: [&[Cell<u8>]; ROWS],
    steps: [usize; ROWS],
    channels: usize,
    pixels: usize,
    out: &[Cell<u8>],
) {
    // SAFETY: the caller has seen that `channels` bytes at the last of `pixels` pixels lie in every row, and that
    // `out` holds a block for each.
    unsafe { interleave_rows(&rows.map(<[_]>::as_ptr), &steps, out.as_ptr(), channels, pixels) }
}

/// Blocks of the weights of `channels` channels; the caller has compared rows and blocks with what is touched.
#[inline(always)]
pub(super) fn weights(source: &[u8], pitch: usize, bits: WeightBits, channels: usize, out: &[Cell<u8>]) {
    let units = bits.row_bytes(channels);
    // SAFETY: the caller has seen that `units` bytes of nine rows lie in `source`, and four blocks in `out`.
    unsafe {
        match bits {
            WeightBits::W8 => weights_8(source.as_ptr(), pitch, units, out.as_ptr()),
            WeightBits::W4 => weights_4(source.as_ptr(), pitch, units, out.as_ptr()),
            WeightBits::W2 => weights_2(source.as_ptr(), pitch, units, out.as_ptr()),
        }
    }
}

/// The task of a group, but for its rows.
pub(super) struct Ready(Task);

impl Ready {
    #[inline(always)]
    pub(super) fn new(group: &Group) -> Self {
        let pitch = group.pitch;
        Self(Task {
            y: [0; 2],
            planes: 0,
            weights: 0,
            bias: core::ptr::null(),
            multipliers: core::ptr::null(),
            columns: 0,
            step: 4 * pitch,
            channels: 0,
            lo: i32::from(group.clamp.lo),
            hi: i32::from(group.clamp.hi),
            offsets: [0, 1, 2, 3].map(|i| i * BLOCK as u32),
            places: [0, 1, 2, 3].map(|i| i * pitch as u32),
            shifts: [32 - i32::from(group.shift), -i32::from(group.shift)],
        })
    }
}

/// Results of a group; the caller has compared all slices with what is touched.
#[inline(always)]
pub(super) fn channels(group: &Group, ready: &mut Ready, columns: usize, y: [&[Cell<u8>]; 2]) {
    let address = |cells: &[Cell<u8>]| cells.as_ptr().expose_provenance();
    let task = &mut ready.0;
    // What the instructions move on.
    task.y = y.map(address);
    task.planes = address(group.planes).wrapping_sub(BLOCK * group.stride);
    task.weights = address(group.weights);
    task.bias = group.bias.as_ptr();
    task.multipliers = group.multipliers.as_ptr();
    task.channels = group.channels;
    task.columns = columns;
    // SAFETY: the caller has seen that the planes hold whole vectors of columns, weights four blocks, and that
    // biases, multipliers and results are there for every channel.
    unsafe {
        match (group.stride, group.shift) {
            (2, 32) if linked::STRIDE2 => one_row_32(task),
            (2, _) if linked::STRIDE2 => one_row_any(task),
            (_, 32) => two_rows_32(task),
            _ => two_rows_any(task),
        }
    }
}
