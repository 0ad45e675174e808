//! From bytes to the combinations of activations that meet weights in layout [`dsp`](crate::layout::dsp).
//!
//! `P` pixels side by side: word `i` of the first pixel, of the second …, then word `i + 1`. `Q` is the number
//! of words of `P` pixels for four inputs (two each), or for eight at 2 bits (four each).

use core::cell::Cell;

use super::simd::{rev16, ssub16, sxtab16, sxtab16_ror8, sxtb16, sxtb16_ror8};

/// Four bytes as they lie in memory.
#[inline(always)]
pub(super) fn word(bytes: &[Cell<u8>; 4]) -> u32 {
    u32::from_le_bytes([bytes[0].get(), bytes[1].get(), bytes[2].get(), bytes[3].get()])
}

/// 16-bit lanes times `2^SHIFT`; the products must fit.
#[inline(always)]
fn scaled<const SHIFT: u32>(lanes: u32) -> u32 {
    let mask = (0xffff << SHIFT) & 0xffff;
    (lanes << SHIFT) & (mask | mask << 16)
}

/// One step of inputs: `N` bytes of each pixel, and where its `Q` words go.
#[inline(always)]
fn steps<'a, const P: usize, const Q: usize, const N: usize>(
    source: [&'a [Cell<u8>]; P],
    out: &'a [Cell<u32>],
    mut step: impl FnMut(usize, &'a [Cell<u8>; N], &'a [Cell<u32>; Q]),
) {
    for (p, bytes) in source.into_iter().enumerate() {
        let mut rest = out;
        for bytes in bytes.as_chunks::<N>().0 {
            let Some((out, behind)) = rest.split_first_chunk::<Q>() else { break };
            step(p, bytes, out);
            rest = behind;
        }
    }
}

/// For 8-bit weights: `o` and `256 e + 127 - o`; sums `e`.
#[inline(always)]
pub(super) fn widen8<const P: usize, const Q: usize>(
    source: [&[Cell<u8>]; P],
    out: &[Cell<u32>],
    sums: &mut [u32; P],
) {
    steps::<P, Q, 4>(source, out, |p, bytes, out| {
        let bytes = word(bytes);
        out[p].set(sxtb16_ror8(bytes));
        // High byte e as it is, low byte 127 - o: that is o with all bits but the sign flipped.
        out[P + p].set(rev16(bytes) ^ 0x007f_007f);
        sums[p] = sxtab16(sums[p], bytes);
    });
}

/// For 4-bit weights: `16 e - o` and `o`; sums `e`.
#[inline(always)]
pub(super) fn widen4<const P: usize, const Q: usize>(
    source: [&[Cell<u8>]; P],
    out: &[Cell<u32>],
    sums: &mut [u32; P],
) {
    steps::<P, Q, 4>(source, out, |p, bytes, out| {
        let bytes = word(bytes);
        let odd = sxtb16_ror8(bytes);
        out[p].set(ssub16(scaled::<4>(sxtb16(bytes)), odd));
        out[P + p].set(odd);
        sums[p] = sxtab16(sums[p], bytes);
    });
}

/// For 2-bit weights: `64 e - 16 o`, `16 o - 4 e'`, `4 e' - o'` and `o'`; sums `e + o + e'`.
#[inline(always)]
pub(super) fn widen2<const P: usize, const Q: usize>(
    source: [&[Cell<u8>]; P],
    out: &[Cell<u32>],
    sums: &mut [u32; P],
) {
    steps::<P, Q, 8>(source, out, |p, [a, b, c, d, rest @ ..], out| {
        let first = u32::from_le_bytes([a.get(), b.get(), c.get(), d.get()]);
        let second = word(rest);
        let odd = scaled::<4>(sxtb16_ror8(first));
        let even = scaled::<2>(sxtb16(second));
        let last = sxtb16_ror8(second);
        out[p].set(ssub16(scaled::<6>(sxtb16(first)), odd));
        out[P + p].set(ssub16(odd, even));
        out[2 * P + p].set(ssub16(even, last));
        out[3 * P + p].set(last);
        sums[p] = sxtab16_ror8(sxtab16(sxtab16(sums[p], first), second), first);
    });
}
