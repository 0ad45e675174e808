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
    /// Words of one channel.
    pub(super) row_words: usize,
    pub(super) weights: &'a [u32],
    pub(super) blocks: usize,
}

/// Where results go.
#[derive(Clone, Copy)]
pub(super) enum Output<'a> {
    /// Requantised to signed bytes.
    Bytes(Bytes<'a>),
    /// The same with a residual.
    Sum(Bytes<'a>, Residual<'a>),
    /// Accumulators times the factor of their weights, channel-major for each block.
    Accumulators(&'a [Cell<i32>]),
}

/// Results that are bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) multipliers: &'a [i32],
    /// Shift behind the high word of the product, the factor of the weights included.
    pub(super) shift: u32,
    pub(super) out: &'a [Cell<u8>],
}

/// A residual that lies as the result does.
#[derive(Clone, Copy)]
pub(super) struct Residual<'a> {
    pub(super) values: &'a [Cell<u8>],
    pub(super) multiplier: i32,
}

impl<'a, const P: usize> Product<'a, P> {
    /// Words of the columns for all words of a channel.
    pub(super) fn column_words(&self) -> usize {
        let words = self.row_words * P * 2;
        match self.bits.linked() {
            WeightBits::W8 => words,
            WeightBits::W4 => words * 2,
            WeightBits::W2 => words * 4,
        }
    }

    /// How far into an output the first channel of a pixel may lie; `None` where columns, weights or output do not
    /// hold all blocks of `channels`.
    #[inline(always)]
    fn room(&self, channels: usize, out: &Output) -> Option<usize> {
        let all = self.blocks * channels;
        let bytes = |bytes: &Bytes| {
            if all <= bytes.multipliers.len() { bytes.out.len().checked_sub(all) } else { None }
        };
        let room = match out {
            Output::Bytes(out) => bytes(out)?,
            Output::Sum(out, residual) => bytes(out)?.min(residual.values.len().checked_sub(all)?),
            Output::Accumulators(out) if all * P <= out.len() => 0,
            Output::Accumulators(_) => return None,
        };
        let fits = self.blocks > 0
            && self.row_words > 0
            && self.column_words() <= self.columns.len()
            && (self.row_words + 1) * all <= self.weights.len();
        fits.then_some(room)
    }
}

/// Where the first channels of a strip's pixels lie in the output, in ascending order; equally far apart with a residual.
pub(super) type Starts = [usize; PIXELS];

/// A product that is made anew for every strip.
pub(super) struct Strip<'a> {
    ready: Ready<'a>,
    room: usize,
}

impl<'a> Strip<'a> {
    /// All blocks of a convolution; `None` where something does not hold them.
    pub(super) fn new(product: &Product<'a, PIXELS>, out: &Output<'a>) -> Option<Self> {
        let room = product.room(CONV_CHANNELS, out)?;
        Some(Self { ready: Ready::new(product, out), room })
    }

    /// Writes the results of the columns as they are now; `sums` is what accumulators start with, beside the header.
    #[inline(always)]
    pub(super) fn run(&mut self, sums: [i32; PIXELS], starts: Starts) {
        if starts[0] <= starts[1] && starts[1] <= starts[2] && starts[2] <= self.room {
            self.ready.run(sums, starts);
        }
    }
}

impl Product<'_, 1> {
    /// Writes the results of all blocks of a dense layer.
    #[inline(always)]
    pub(super) fn dense(&self, sum: i32, out: &Output) {
        if self.room(DENSE_CHANNELS, out).is_some() {
            dense(self, sum, out);
        }
    }
}

#[cfg(dsp)]
use super::{dense_asm::dense, strip_asm::Ready};

#[cfg(not(dsp))]
use portable::{Ready, dense};

#[cfg(not(dsp))]
mod portable {
    //! The same streams by portable arithmetic.

    use core::cell::Cell;

    use super::{BLOCK, CONV_CHANNELS, DENSE_CHANNELS, Output, PIXELS, Product, Starts};
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
        match bits.linked() {
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
    fn blocks<const P: usize, const C: usize, const N: usize>(
        product: &Product<P>,
        out: &Output,
        sums: [i32; P],
        starts: [usize; P],
    ) {
        let mut weights = product.weights.iter().copied();
        for block in 0..product.blocks {
            let mut acc = [0i32; N];
            for acc in acc.as_chunks_mut::<P>().0 {
                let header = weights.next().unwrap_or(0) as i32;
                for (acc, sum) in acc.iter_mut().zip(sums) {
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
                store(product, out, (block * C + i / P, i % P), starts[i % P], acc);
            }
        }
    }

    fn store<const P: usize>(
        product: &Product<P>,
        out: &Output,
        (channel, pixel): (usize, usize),
        start: usize,
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
                let at = start + channel;
                let identity = residual.values.get(at).map_or(0, |cell| i64::from(cell.get() as i8));
                let identity = (identity * i64::from(residual.multiplier)) << product.bits.log2_factor();
                (bytes, ((i64::from(acc) * multiplier + identity) >> 32) as i32)
            }
        };
        if let Some(cell) = bytes.out.get(start + channel) {
            cell.set(ssat8(value >> bytes.shift) as u8);
        }
    }

    /// A product that is made anew for every strip.
    pub(super) struct Ready<'a> {
        product: Product<'a, PIXELS>,
        out: Output<'a>,
    }

    impl<'a> Ready<'a> {
        pub(super) fn new(product: &Product<'a, PIXELS>, out: &Output<'a>) -> Self {
            Self { product: *product, out: *out }
        }

        pub(super) fn run(&mut self, sums: [i32; PIXELS], starts: Starts) {
            blocks::<PIXELS, CONV_CHANNELS, BLOCK>(&self.product, &self.out, sums, starts);
        }
    }

    pub(super) fn dense(product: &Product<1>, sum: i32, out: &Output) {
        blocks::<1, DENSE_CHANNELS, DENSE_CHANNELS>(product, out, [sum], [0]);
    }
}
