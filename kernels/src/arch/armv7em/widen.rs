//! From bytes to the combinations of activations that meet weights in layout [`dsp`](crate::layout::dsp): those of four
//! inputs, or of eight at 2 bits, and the pixels of a strip side by side: word `i` of the first pixel, of the second …, then
//! word `i + 1`.

use core::cell::Cell;

use super::product::PIXELS;
use super::simd::{ssub16, sxtb16, sxtb16_ror8};
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

/// For 4-bit weights: `16 e - o` and `o`.
#[inline(always)]
pub(super) fn four(bytes: &[Cell<u8>; 4]) -> [u32; 2] {
    let bytes = word(bytes);
    let odd = sxtb16_ror8(bytes);
    [ssub16(scaled::<4>(sxtb16(bytes)), odd), odd]
}

/// For 2-bit weights: `64 e - 16 o`, `16 o - 4 e'`, `4 e' - o'` and `o'`.
#[inline(always)]
pub(super) fn eight([a, b, c, d, rest @ ..]: &[Cell<u8>; 8]) -> [u32; 4] {
    let first = u32::from_le_bytes([a.get(), b.get(), c.get(), d.get()]);
    let second = word(rest);
    let odd = scaled::<4>(sxtb16_ror8(first));
    let even = scaled::<2>(sxtb16(second));
    let last = sxtb16_ror8(second);
    [ssub16(scaled::<6>(sxtb16(first)), odd), ssub16(odd, even), ssub16(even, last), last]
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

#[cfg(dsp)]
use super::widen_asm as imp;

#[cfg(not(dsp))]
mod imp {
    use core::cell::Cell;

    use super::{PIXELS, Rows, WeightBits, eight, four, word};
    use crate::arch::armv7em::simd::{rev16, smlad, sxtab16, sxtab16_ror8, sxtb16_ror8};

    /// Widens rows in steps of `N` bytes to `W` words of each pixel; `step` gives them and adds to the lanes of a sum.
    fn steps<const N: usize, const W: usize>(
        rows: &Rows,
        step: impl Fn(&[Cell<u8>; N], &mut u32) -> [u32; W],
    ) -> [u32; PIXELS] {
        let mut lanes = [0; PIXELS];
        let mut out = rows.out.chunks(W * PIXELS);
        for row in 0..rows.count {
            for at in (row * rows.next..row * rows.next + rows.row_bytes).step_by(N) {
                let out = out.next().unwrap_or(&[]);
                for (p, (source, lanes)) in rows.sources.iter().zip(&mut lanes).enumerate() {
                    let Some(bytes) = source.get(at..).and_then(|bytes| bytes.first_chunk()) else {
                        continue;
                    };
                    for (cell, word) in out.iter().skip(p).step_by(PIXELS).zip(step(bytes, lanes)) {
                        cell.set(word);
                    }
                }
            }
        }
        lanes
    }

    pub(super) fn rows(rows: &Rows) -> [i32; PIXELS] {
        let (lanes, log2_factor) = match rows.bits.linked() {
            // `o` and `256 e + 127 - o`: high byte e as it is, low byte o with all bits but the sign flipped.
            WeightBits::W8 => (
                steps(rows, |bytes, lanes| {
                    let bytes = word(bytes);
                    *lanes = sxtab16(*lanes, bytes);
                    [sxtb16_ror8(bytes), rev16(bytes) ^ 0x007f_007f]
                }),
                15,
            ),
            WeightBits::W4 => (
                steps(rows, |bytes, lanes| {
                    *lanes = sxtab16(*lanes, word(bytes));
                    four(bytes)
                }),
                7,
            ),
            WeightBits::W2 => (
                steps(rows, |bytes: &[Cell<u8>; 8], lanes| {
                    for (i, bytes) in bytes.as_chunks::<4>().0.iter().enumerate() {
                        let bytes = word(bytes);
                        *lanes = sxtab16(*lanes, bytes);
                        if i == 0 {
                            *lanes = sxtab16_ror8(*lanes, bytes);
                        }
                    }
                    eight(bytes)
                }),
                7,
            ),
        };
        // Minus the sum of two lanes, times what the packed weights leave in the product.
        lanes.map(|lanes| (smlad(lanes, 0x0001_0001, 0) << log2_factor).wrapping_neg())
    }
}
