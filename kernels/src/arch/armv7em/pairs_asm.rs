//! Constants of four channels of a depthwise 3x3 convolution by instructions: weights become words of two channels, the first
//! and third, then the others.
//!
//! Weights of 4 and 2 bits are taken out of a tap's bytes by masks: a copy of the bytes puts the third channel sixteen bits
//! above the first one, and the fourth above the second. The sign bit is turned before, and half the range subtracted
//! behind: `(w ^ 8) - 8`.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::pairs::{Constants, Pair, Pairs};
use crate::WeightBits;

// The instructions' offsets.
const _: () = assert!(size_of::<Pair>() == 60);

/// [`Constants`] as the instructions find them.
#[repr(C)]
pub(super) struct Source<'a> {
    weights: *const u8,
    step: usize,
    bias: *const i32,
    multipliers: *const i32,
    scale: u32,
    pitch: usize,
    bits: WeightBits,
    constants: PhantomData<Constants<'a>>,
}

impl<'a> Source<'a> {
    #[inline(always)]
    pub(super) fn new(constants: &Constants<'a>) -> Self {
        Self {
            weights: constants.weights.as_ptr(),
            step: constants.step,
            bias: constants.bias.as_ptr(),
            multipliers: constants.multipliers.as_ptr(),
            scale: constants.scale,
            pitch: constants.pitch,
            bits: constants.bits.linked(),
            constants: PhantomData,
        }
    }
}

/// From the source in r0, pairs in r1 and the first channel in r2 to weights in lr, their step in r3, the pitch in r2, and
/// the rows of both pairs in r5 and r1.
macro_rules! begin {
    ($shift:literal) => {
        concat!(
            "push {{r0, r2, r4-r11, lr}}\n",
            "ldrd lr, r3, [r0]\n",
            "add lr, lr, r2",
            $shift,
            "\n",
            "ldr r2, [r0, #20]\n",
            "add r5, r1, #4\n",
            "add r1, #64\n",
        )
    };
}

/// What is behind the weights; the scale is in r12.
macro_rules! end {
    () => {
        "ldrd r6, r7, [r0, #8]
         add r6, r6, r4, lsl #2
         add r7, r7, r4, lsl #2
         ldm r6, {{r8-r11}}
         lsl r8, r12
         lsl r9, r12
         lsl r10, r12
         lsl r11, r12
         strd r8, r10, [r5, #-52]
         strd r9, r11, [r5, #8]
         ldm r7, {{r8-r11}}
         strd r8, r10, [r5]
         strd r9, r11, [r5, #60]
         pop {{r4-r11, pc}}"
    };
}

/// Scales all words, with those between, and ends. Products fit their lanes; what the lower one moves beyond it is its sign.
macro_rules! scale {
    () => {
        concat!(
            "pop {{r0, r4}}
             ldr r12, [r0, #16]
             cmp r12, #0
             beq 3f
             mvn r6, #0
             lsl r6, r12
             mvn r6, r6
             lsl r6, #16
             sub r7, r5, #48
             2:
             ldm r7, {{r8-r10}}
             lsl r8, r12
             lsl r9, r12
             lsl r10, r12
             bic r8, r6
             bic r9, r6
             bic r10, r6
             stm r7!, {{r8-r10}}
             cmp r7, r1
             bne 2b
             str r2, [r5, #-32]
             str r2, [r5, #-16]
             str r2, [r5, #28]
             str r2, [r5, #44]
             3:\n",
            end!()
        )
    };
}

/// Weights of a kernel row in r6 to r8: of the first and third channel go to r9 to r11, those of the others stay. The mask
/// of a weight of each is in r4, its sign in r0.
macro_rules! row {
    ($load:literal, $tap:ident) => {
        concat!(
            $load,
            " r6, [lr]\n",
            $load,
            " r7, [lr, r3]\n",
            $load,
            " r8, [lr, r3, lsl #1]\n",
            $tap!("r6", "r9"),
            $tap!("r7", "r10"),
            $tap!("r8", "r11"),
            "stm r5!, {{r2, r9-r11}}\n",
            "stm r1!, {{r2, r6-r8}}\n",
        )
    };
}
macro_rules! tap_4 {
    ($w:literal, $first:literal) => {
        concat!(
            "orr ",
            $w,
            ", ",
            $w,
            ", ",
            $w,
            ", lsl #8\n",
            "eor ",
            $w,
            ", ",
            $w,
            ", #0x00880088\n",
            take!($w, $first, "#4"),
        )
    };
}
macro_rules! tap_2 {
    ($w:literal, $first:literal) => {
        concat!("eor ", $w, ", ", $w, ", #0xaa\n", "mul ", $w, ", ", $w, ", r12\n", take!($w, $first, "#2"),)
    };
}
macro_rules! take {
    ($w:literal, $first:literal, $bits:literal) => {
        concat!(
            "and ", $first, ", ", $w, ", r4\n", "and ", $w, ", r4, ", $w, ", lsr ", $bits, "\n", "ssub16 ",
            $first, ", ", $first, ", r0\n", "ssub16 ", $w, ", ", $w, ", r0\n",
        )
    };
}

// # Safety of all
// What the source points to must be as long as nine taps and four channels from the first on need.

/// # Safety
/// See above.
#[unsafe(naked)]
unsafe extern "C" fn pairs_8(source: *const Source, pairs: *mut Pairs, first: usize) {
    naked_asm!(
        core_with_dsp!(),
        begin!(""),
        "mov r12, #3",
        "1:",
        "ldr r6, [lr]",
        "ldr r7, [lr, r3]",
        "ldr r8, [lr, r3, lsl #1]",
        "add lr, r3",
        "add lr, lr, r3, lsl #1",
        "sxtb16 r9, r6",
        "sxtb16 r10, r7",
        "sxtb16 r11, r8",
        "stm r5!, {{r2, r9-r11}}",
        "sxtb16 r9, r6, ror #8",
        "sxtb16 r10, r7, ror #8",
        "sxtb16 r11, r8, ror #8",
        "stm r1!, {{r2, r9-r11}}",
        "subs r12, #1",
        "bne 1b",
        scale!(),
    )
}

/// # Safety
/// See above.
#[unsafe(naked)]
unsafe extern "C" fn pairs_4(source: *const Source, pairs: *mut Pairs, first: usize) {
    naked_asm!(
        core_with_dsp!(),
        begin!(", lsr #1"),
        "add r12, r3, r3, lsl #1",
        "mov r4, #0x000f000f",
        "mov r0, #0x00080008",
        row!("ldrh", tap_4),
        "add lr, r12",
        row!("ldrh", tap_4),
        "add lr, r12",
        row!("ldrh", tap_4),
        scale!(),
    )
}

/// The product with `2^12 + 1` times the scale is the scaled copy.
///
/// # Safety
/// See above.
#[unsafe(naked)]
unsafe extern "C" fn pairs_2(source: *const Source, pairs: *mut Pairs, first: usize) {
    naked_asm!(
        core_with_dsp!(),
        begin!(", lsr #2"),
        "ldr r6, [r0, #16]",
        "movw r12, #0x1001",
        "mov r4, #0x00030003",
        "mov r0, #0x00020002",
        "lsl r12, r6",
        "lsl r4, r6",
        "lsl r0, r6",
        row!("ldrb", tap_2),
        "add lr, r3",
        "add lr, lr, r3, lsl #1",
        row!("ldrb", tap_2),
        "add lr, r3",
        "add lr, lr, r3, lsl #1",
        row!("ldrb", tap_2),
        "pop {{r0, r4}}",
        "ldr r12, [r0, #16]",
        end!(),
    )
}

/// Constants of four channels from `first` on.
#[inline(always)]
pub(super) fn pairs<'a>(source: &Source, first: usize, room: &'a mut MaybeUninit<Pairs>) -> &'a Pairs {
    let pairs = room.as_mut_ptr();
    // SAFETY: reads nine taps of four weights, four biases and multipliers, which are there by the caller's checks, and
    // writes all words of both pairs.
    unsafe {
        match source.bits.linked() {
            WeightBits::W2 => pairs_2(source, pairs, first),
            WeightBits::W4 => pairs_4(source, pairs, first),
            WeightBits::W8 => pairs_8(source, pairs, first),
        }
        room.assume_init_ref()
    }
}
