//! Between bytes and packed nibbles, four elements at a time.

use core::cell::Cell;

use super::bytes::store;
use super::simd::{sxtb16, sxtb16_ror8, usat16_4};
use super::widen::word;
use crate::Dtype;
use crate::numerics::Clamp;
use crate::tensor::read;

/// Nibbles of one pixel as bytes; as many as `out` has.
#[inline(always)]
pub(super) fn unpack(packed: &[Cell<u8>], out: &[Cell<u8>]) {
    let (quads, rest) = out.as_chunks::<4>();
    for ([low, high], out) in packed.as_chunks::<2>().0.iter().zip(quads) {
        let spread = u32::from(low.get()) | u32::from(high.get()) << 16;
        store(out, (spread | spread << 4) & 0x0f0f_0f0f);
    }
    let done = quads.len() << 2;
    for (i, cell) in rest.iter().enumerate() {
        cell.set(read(packed, Dtype::U4, done + i) as u8);
    }
}

/// Signed bytes, limited, as pairs of nibbles: as many pairs as `out` has bytes.
#[inline(always)]
pub(super) fn pack(bytes: &[Cell<u8>], out: &[Cell<u8>], clamp: Clamp) {
    let all = (clamp.lo, clamp.hi) == (0, 15);
    let limited = |byte: &Cell<u8>| clamp.apply(i32::from(byte.get() as i8)) as u8;
    let (quads, rest) = out.as_chunks::<2>();
    for (bytes, [first, second]) in bytes.as_chunks::<4>().0.iter().zip(quads) {
        if all {
            let bytes = word(bytes);
            let pairs = usat16_4(sxtb16(bytes)) | usat16_4(sxtb16_ror8(bytes)) << 4;
            first.set(pairs as u8);
            second.set((pairs >> 16) as u8);
        } else {
            first.set(limited(&bytes[0]) | limited(&bytes[1]) << 4);
            second.set(limited(&bytes[2]) | limited(&bytes[3]) << 4);
        }
    }
    let behind = bytes.get(quads.len() << 2..).unwrap_or(&[]);
    for ([low, high], out) in behind.as_chunks::<2>().0.iter().zip(rest) {
        out.set(limited(low) | limited(high) << 4);
    }
}
