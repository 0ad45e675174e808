//! Dense products of widened columns with weights in layout [`dsp`](crate::layout::dsp), the same by instructions
//! ([`strip_asm`](super::strip_asm), [`dense_asm`](super::dense_asm)) and by portable arithmetic.

use core::cell::Cell;

use crate::WeightBits;
use crate::layout::dsp::{CONV_CHANNELS, DENSE_CHANNELS};

/// Pixels of a convolution's strip.
pub(super) const PIXELS: usize = 3;

/// Accumulators of a convolution's block: channel-major.
pub(super) const BLOCK: usize = PIXELS * CONV_CHANNELS;

/// Columns that meet blocks of channels behind one header each.
#[derive(Clone, Copy)]
pub(super) struct Product<'a, const P: usize> {
    pub(super) bits: WeightBits,
    /// Widened columns of `P` pixels.
    pub(super) columns: &'a [Cell<u32>],
    /// What accumulators start with, beside the header.
    pub(super) sums: [i32; P],
    /// Words of one channel.
    pub(super) row_words: usize,
    pub(super) weights: &'a [u32],
    pub(super) blocks: usize,
}

/// Where results go.
#[derive(Clone, Copy)]
pub(super) enum Output<'a, const P: usize> {
    /// Requantised to signed bytes.
    Bytes(Bytes<'a, P>),
    /// The same with a residual.
    Sum(Bytes<'a, P>, Residual<'a>),
    /// Accumulators times the factor of their weights, channel-major for each block.
    Accumulators(&'a [Cell<i32>]),
}

/// Bytes of `P` pixels.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a, const P: usize> {
    pub(super) multipliers: &'a [i32],
    /// Shift behind the high word of the product, the factor of the weights included.
    pub(super) shift: u32,
    pub(super) out: &'a [Cell<u8>],
    /// Of each pixel the place of its first channel, in ascending order.
    pub(super) starts: [usize; P],
}

/// A residual that lies as the result does; its pixels are equally far apart.
#[derive(Clone, Copy)]
pub(super) struct Residual<'a> {
    pub(super) values: &'a [Cell<u8>],
    pub(super) multiplier: i32,
}

impl<const P: usize> Bytes<'_, P> {
    fn holds(&self, channels: usize) -> bool {
        let first = self.starts.first().copied().unwrap_or(0);
        channels <= self.multipliers.len()
            && self.starts.iter().all(|&start| start >= first && start + channels <= self.out.len())
    }
}

impl<const P: usize> Product<'_, P> {
    /// Words of the columns for one word of weights.
    fn column_words(&self) -> usize {
        let words = self.row_words * P * 2;
        match self.bits {
            WeightBits::W8 => words,
            WeightBits::W4 => words * 2,
            WeightBits::W2 => words * 4,
        }
    }

    /// Whether columns, weights and output hold all blocks of `channels`.
    fn fits(&self, channels: usize, out: &Output<P>) -> bool {
        let all = self.blocks * channels;
        let room = match out {
            Output::Bytes(bytes) => bytes.holds(all),
            Output::Sum(bytes, residual) => {
                let far = bytes.starts.last().is_none_or(|&start| start + all <= residual.values.len());
                bytes.holds(all) && far && bytes.starts.windows(3).all(|s| s[1] - s[0] == s[2] - s[1])
            }
            Output::Accumulators(out) => all * P <= out.len(),
        };
        room && self.blocks > 0
            && self.row_words > 0
            && self.column_words() <= self.columns.len()
            && (self.row_words + 1) * all <= self.weights.len()
    }
}

impl Product<'_, PIXELS> {
    /// Writes the results of all blocks of a convolution.
    #[inline(always)]
    pub(super) fn strip(&self, out: &Output<PIXELS>) {
        if self.fits(CONV_CHANNELS, out) {
            strip(self, out);
        }
    }
}

impl Product<'_, 1> {
    /// Writes the results of all blocks of a dense layer.
    #[inline(always)]
    pub(super) fn dense(&self, out: &Output<1>) {
        if self.fits(DENSE_CHANNELS, out) {
            dense(self, out);
        }
    }
}

#[cfg(dsp)]
use super::{dense_asm::dense, strip_asm::strip};

#[cfg(not(dsp))]
use portable::{dense, strip};

#[cfg(not(dsp))]
mod portable {
    //! The same streams by portable arithmetic.

    use core::cell::Cell;

    use super::{BLOCK, CONV_CHANNELS, DENSE_CHANNELS, Output, PIXELS, Product};
    use crate::WeightBits;
    use crate::arch::armv7em::simd::{smlad, smmul, ssat8, sxtb16, sxtb16_ror8};

    /// Adds the products of one word of weights with `P` columns; gives the words of columns that it met.
    fn multiply<const P: usize>(bits: WeightBits, word: u32, x: &[Cell<u32>], acc: &mut [i32]) -> usize {
        let mut at = 0;
        let mut dot = |weights: u32| {
            for (acc, x) in acc.iter_mut().zip(x.iter().skip(at)).take(P) {
                *acc = smlad(x.get(), weights, *acc);
            }
            at += P;
        };
        match bits {
            WeightBits::W8 => [word, word & 0x00ff_00ff].into_iter().for_each(&mut dot),
            WeightBits::W4 => {
                for byte in [sxtb16(word), sxtb16_ror8(word)] {
                    [byte & 0x000f_000f, byte].into_iter().for_each(&mut dot);
                }
            }
            WeightBits::W2 => {
                for byte in [sxtb16(word), sxtb16_ror8(word)] {
                    let parts = [byte & 0x0003_0003, byte & 0x000f_000f, byte & 0x003f_003f, byte];
                    parts.into_iter().for_each(&mut dot);
                }
            }
        }
        at
    }

    /// Blocks of `C` channels with `P` columns: `N` accumulators each, channel-major.
    fn blocks<const P: usize, const C: usize, const N: usize>(product: &Product<P>, out: &Output<P>) {
        let mut weights = product.weights.iter().copied();
        for block in 0..product.blocks {
            let mut acc = [0i32; N];
            for acc in acc.as_chunks_mut::<P>().0 {
                let header = weights.next().unwrap_or(0) as i32;
                for (acc, sum) in acc.iter_mut().zip(product.sums) {
                    *acc = header.wrapping_add(sum);
                }
            }
            let mut x = product.columns;
            for _ in 0..product.row_words {
                let mut used = 0;
                for acc in acc.as_chunks_mut::<P>().0 {
                    used = multiply::<P>(product.bits, weights.next().unwrap_or(0), x, acc);
                }
                x = x.get(used..).unwrap_or(&[]);
            }
            for (i, acc) in acc.into_iter().enumerate() {
                store(product, out, (block * C + i / P, i % P), acc);
            }
        }
    }

    fn store<const P: usize>(
        product: &Product<P>,
        out: &Output<P>,
        (channel, pixel): (usize, usize),
        acc: i32,
    ) {
        let (bytes, value) = match out {
            Output::Accumulators(out) => {
                out.iter().skip(channel * P + pixel).take(1).for_each(|cell| cell.set(acc));
                return;
            }
            Output::Bytes(bytes) => {
                let multiplier = bytes.multipliers.get(channel).copied().unwrap_or(0);
                (bytes, smmul(acc, multiplier))
            }
            Output::Sum(bytes, residual) => {
                let multiplier = i64::from(bytes.multipliers.get(channel).copied().unwrap_or(0));
                let at = bytes.starts[pixel] + channel;
                let identity = residual.values.get(at).map_or(0, |cell| i64::from(cell.get() as i8));
                let identity = (identity * i64::from(residual.multiplier)) << product.bits.log2_factor();
                (bytes, ((i64::from(acc) * multiplier + identity) >> 32) as i32)
            }
        };
        if let Some(cell) = bytes.out.get(bytes.starts[pixel] + channel) {
            cell.set(ssat8(value >> bytes.shift) as u8);
        }
    }

    pub(super) fn strip(product: &Product<PIXELS>, out: &Output<PIXELS>) {
        blocks::<PIXELS, CONV_CHANNELS, BLOCK>(product, out);
    }

    pub(super) fn dense(product: &Product<1>, out: &Output<1>) {
        blocks::<1, DENSE_CHANNELS, DENSE_CHANNELS>(product, out);
    }
}
