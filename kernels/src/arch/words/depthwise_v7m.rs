//! Depthwise sums on Armv7-M: the sums of four channels stay in registers over all taps.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;
use core::marker::PhantomData;

use super::depthwise::MAX_TAPS;
use super::four::FOUR;

/// Inputs and weights of one tap.
#[repr(C)]
#[derive(Clone, Copy)]
struct Tap {
    pixel: *const Cell<u8>,
    row: *const u8,
}

/// Taps that meet an input, all of whose slices hold `channels` bytes.
pub(super) struct Inside<'a> {
    taps: [Tap; MAX_TAPS],
    count: usize,
    channels: usize,
    slices: PhantomData<&'a [Cell<u8>]>,
}

/// Adds products of four channels, from `first` on, to `sums`.
///
/// # Safety
/// `count` taps, at least one, must hold `first + 4` bytes each.
#[unsafe(naked)]
unsafe extern "C" fn four_channels(taps: *const Tap, count: usize, first: usize, sums: &mut [i32; FOUR]) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldm r3, {{r4-r7}}",
        "2:",
        "ldrd r8, r9, [r0], #8",
        "add r8, r2",
        "add r9, r2",
        "ldrsb r10, [r8]",
        "ldrsb r11, [r9]",
        "mla r4, r10, r11, r4",
        "ldrsb r10, [r8, #1]",
        "ldrsb r11, [r9, #1]",
        "mla r5, r10, r11, r5",
        "ldrsb r10, [r8, #2]",
        "ldrsb r11, [r9, #2]",
        "mla r6, r10, r11, r6",
        "ldrsb r10, [r8, #3]",
        "ldrsb r11, [r9, #3]",
        "mla r7, r10, r11, r7",
        "subs r1, #1",
        "bne 2b",
        "stm r3, {{r4-r7}}",
        "pop {{r4-r11, pc}}",
    )
}

impl<'a> Inside<'a> {
    /// Those of the taps that have an input.
    pub(super) fn new(taps: &[(&'a [Cell<u8>], &'a [u8])], channels: usize) -> Self {
        let mut all = [Tap { pixel: core::ptr::null(), row: core::ptr::null() }; MAX_TAPS];
        let inside = taps.iter().filter(|(pixel, row)| pixel.len().min(row.len()) >= channels);
        let mut count = 0;
        for (place, (pixel, row)) in all.iter_mut().zip(inside) {
            *place = Tap { pixel: pixel.as_ptr(), row: row.as_ptr() };
            count += 1;
        }
        Self { taps: all, count, channels, slices: PhantomData }
    }

    /// Whether these are all of `taps`.
    #[inline(always)]
    pub(super) fn all(&self, taps: &[(&[Cell<u8>], &[u8])]) -> bool {
        self.count == taps.len()
    }

    /// Adds products of four channels, from `first` on, to `sums`.
    #[inline(always)]
    pub(super) fn add(&self, first: usize, sums: &mut [i32; FOUR]) {
        if self.count > 0 && first + FOUR <= self.channels {
            // SAFETY: `new` has filled `count` taps with slices of at least `channels` bytes, which outlive `self`.
            unsafe { four_channels(self.taps.as_ptr(), self.count, first, sums) }
        }
    }
}
