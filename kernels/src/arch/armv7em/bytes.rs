//! Runs of bytes, a word at a time.

use core::cell::Cell;

use super::widen::word;
use crate::numerics::Clamp;

/// Stores four bytes.
#[inline(always)]
pub(super) fn store(out: &[Cell<u8>; 4], word: u32) {
    for (cell, byte) in out.iter().zip(word.to_le_bytes()) {
        cell.set(byte);
    }
}

/// Copies as many bytes as both have; they do not overlap.
#[inline(always)]
pub(super) fn copy(source: &[Cell<u8>], out: &[Cell<u8>]) {
    let ((words, rest), (out_words, _)) = (source.as_chunks::<4>(), out.as_chunks::<4>());
    for (source, out) in words.iter().zip(out_words) {
        store(out, word(source));
    }
    let out = out.get(words.len() << 2..).unwrap_or(&[]);
    for (source, out) in rest.iter().zip(out) {
        out.set(source.get());
    }
}

/// Limits signed bytes.
#[inline(always)]
pub(crate) fn clamp_bytes(bytes: &[Cell<u8>], clamp: Clamp) {
    if (clamp.lo, clamp.hi) == (-128, 127) {
        return;
    }
    for byte in bytes {
        byte.set(clamp.apply(i32::from(byte.get() as i8)) as u8);
    }
}
