//! Four rows of 8-bit weights meet one input by instructions: what the kernels of Armv6-M and Armv7-M are called with.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::cell::Cell;
use core::ptr::{null, null_mut};

use super::product::{ROWS, Results};
#[cfg(armv6m)]
use super::product_v6m::{dense_8, dense_8_last};
#[cfg(armv7m)]
use super::product_v7m::{dense_8, dense_8_last};

/// What [`dense_8`] and [`dense_8_last`] work on, as the instructions find it.
#[repr(C)]
pub(super) struct Dense {
    input: *const Cell<u8>,
    weights: *const u8,
    stride: usize,
    count: usize,
    sums: *mut [i32; ROWS],
    bias: *const [i32; ROWS],
    multipliers: *const [i32; ROWS],
    shift: u32,
    out: *const [Cell<u8>; ROWS],
}

/// See [`super::product::dense`], which has compared the slices.
pub(super) fn dense(input: &[Cell<u8>], weights: &[u8], stride: usize) -> [i32; ROWS] {
    let mut sums = [0; ROWS];
    let task = Dense {
        input: input.as_ptr(),
        weights: weights.as_ptr(),
        stride,
        count: input.len(),
        sums: &mut sums,
        bias: null(),
        multipliers: null(),
        shift: 0,
        out: null(),
    };
    // SAFETY: four rows of as many weights as there are inputs lie in `weights`; this one stores sums only.
    unsafe { dense_8(&task) }
    sums
}

/// See [`super::product::store_dense`], which has compared the slices with the rows.
pub(super) fn store_dense(input: &[Cell<u8>], weights: &[u8], results: Results, out: &[[Cell<u8>; ROWS]]) {
    let mut weights = weights.as_ptr();
    for ((bias, multipliers), out) in results.bias.iter().zip(results.multipliers).zip(out) {
        let task = Dense {
            input: input.as_ptr(),
            weights,
            stride: input.len(),
            count: input.len(),
            sums: null_mut(),
            bias,
            multipliers,
            shift: results.shift.into(),
            out,
        };
        // SAFETY: four rows of as many weights as there are inputs lie before the end of all weights; this one stores
        // four results in `out`, and cells may be written.
        unsafe { dense_8_last(&task) }
        weights = weights.wrapping_add(ROWS * input.len());
    }
}
