//! From bytes to the combinations of activations that meet weights in layout [`dsp`](crate::layout::dsp).
//!
//! `P` pixels side by side: word `i` of the first pixel, of the second …, then word `i + 1`. `Q` is the number
//! of words of `P` pixels for four inputs (two each), or for eight at 2 bits (four each).

use core::cell::Cell;

use super::product::PIXELS;
#[cfg(not(dsp))]
use super::simd::rev16;
use super::simd::{smlad, ssub16, sxtab16, sxtab16_ror8, sxtb16, sxtb16_ror8};
use crate::WeightBits;

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
#[cfg(not(dsp))]
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

/// Most inputs whose sums fit 16-bit lanes: each lane takes the even ones of four, or three of eight.
pub(super) const MAX_INPUTS: usize = 496;

/// Rows of bytes of a strip's pixels, equally far apart.
pub(super) struct Rows<'a> {
    pub(super) bits: WeightBits,
    /// Bytes of each pixel from its first row on.
    pub(super) sources: [&'a [Cell<u8>]; PIXELS],
    /// A multiple of 4, of 8 for 2-bit weights.
    pub(super) row_bytes: usize,
    /// Bytes from a row to the next.
    pub(super) next: usize,
    pub(super) count: usize,
    pub(super) out: &'a [Cell<u32>],
}

impl Rows<'_> {
    /// Widens all rows, at most [`MAX_INPUTS`] bytes; gives the sums that accumulators start with, 0 where there is less
    /// of anything than that.
    #[inline(always)]
    pub(super) fn run(&self) -> [i32; PIXELS] {
        let inputs = self.count * self.row_bytes;
        let end = self.count.saturating_sub(1) * self.next + self.row_bytes;
        let fits = inputs > 0
            && inputs <= MAX_INPUTS
            && self.sources.iter().all(|source| end <= source.len())
            && (inputs >> 1) * PIXELS <= self.out.len();
        if fits { imp::rows(self) } else { [0; PIXELS] }
    }
}

/// What accumulators start with: minus the sum of two lanes, times what the packed weights leave in the product.
#[inline(always)]
pub(super) fn start(bits: WeightBits, lanes: u32) -> i32 {
    let log2_factor = if bits.linked() == WeightBits::W8 { 15 } else { 7 };
    (smlad(lanes, 0x0001_0001, 0) << log2_factor).wrapping_neg()
}

/// [`widen8`] of one column; gives the lanes of its sum.
pub(super) use imp::column8;

#[cfg(dsp)]
use super::widen_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use super::{PIXELS, Rows, WeightBits, start, widen2, widen4, widen8};

    pub(in crate::arch::armv7em) fn column8(source: &[Cell<u8>], out: &[Cell<u32>]) -> u32 {
        let mut lanes = [0];
        widen8::<1, 2>([source], out, &mut lanes);
        lanes[0]
    }

    pub(super) fn rows(rows: &Rows) -> [i32; PIXELS] {
        let mut lanes = [0; PIXELS];
        let mut out = rows.out;
        for row in 0..rows.count {
            let at = row * rows.next;
            let sources = rows.sources.map(|source| source.get(at..at + rows.row_bytes).unwrap_or(&[]));
            match rows.bits.linked() {
                WeightBits::W8 => widen8::<PIXELS, { 2 * PIXELS }>(sources, out, &mut lanes),
                WeightBits::W4 => widen4::<PIXELS, { 2 * PIXELS }>(sources, out, &mut lanes),
                WeightBits::W2 => widen2::<PIXELS, { 4 * PIXELS }>(sources, out, &mut lanes),
            }
            out = out.get((rows.row_bytes >> 1) * PIXELS..).unwrap_or(&[]);
        }
        lanes.map(|lanes| start(rows.bits, lanes))
    }
}
