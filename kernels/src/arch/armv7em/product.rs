//! Products of a strip's widened columns with weights in layout [`dsp`](crate::layout::dsp), the same by instructions
//! ([`strip_asm`](super::strip_asm)) and by portable arithmetic.

use core::cell::Cell;

#[cfg(not(dsp))]
use super::simd::{smmul, ssat8};
use super::stream::Weights;
use crate::layout::dsp::CONV_CHANNELS;

/// Pixels of a convolution's strip.
pub(super) const PIXELS: usize = 3;

/// Accumulators of a convolution's block: channel-major.
pub(super) const BLOCK: usize = PIXELS * CONV_CHANNELS;

/// Columns that meet blocks of channels.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub(super) weights: Weights<'a>,
    /// Widened columns of [`PIXELS`] pixels: a word for two inputs of each.
    pub(super) columns: &'a [Cell<u32>],
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

impl Output<'_> {
    /// How far into an output the first channel of a pixel may lie; `None` where there is no room for `channels` of
    /// `pixels`.
    #[inline(always)]
    pub(super) fn room(&self, channels: usize, pixels: usize) -> Option<usize> {
        let bytes = |bytes: &Bytes| {
            if channels <= bytes.multipliers.len() { bytes.out.len().checked_sub(channels) } else { None }
        };
        match self {
            Output::Bytes(out) => bytes(out),
            Output::Sum(out, residual) => Some(bytes(out)?.min(residual.values.len().checked_sub(channels)?)),
            Output::Accumulators(out) if channels * pixels <= out.len() => Some(0),
            Output::Accumulators(_) => None,
        }
    }

    /// Stores accumulator `at`, that of a channel of the pixel at `start`.
    #[cfg(not(dsp))]
    pub(super) fn store(&self, (at, channel): (usize, usize), start: usize, log2_factor: u32, acc: i32) {
        let (bytes, value) = match self {
            Output::Accumulators(out) => {
                out.iter().skip(at).take(1).for_each(|cell| cell.set(acc));
                return;
            }
            Output::Bytes(bytes) => {
                let multiplier = bytes.multipliers.get(channel).copied().unwrap_or(0);
                (bytes, smmul(acc, multiplier))
            }
            Output::Sum(bytes, residual) => {
                let multiplier = i64::from(bytes.multipliers.get(channel).copied().unwrap_or(0));
                let identity =
                    residual.values.get(start + channel).map_or(0, |cell| i64::from(cell.get() as i8));
                let identity = (identity * i64::from(residual.multiplier)) << log2_factor;
                (bytes, ((i64::from(acc) * multiplier + identity) >> 32) as i32)
            }
        };
        if let Some(cell) = bytes.out.get(start + channel) {
            cell.set(ssat8(value >> bytes.shift) as u8);
        }
    }
}

impl Product<'_> {
    /// Words of the columns for all words of a channel.
    #[inline(always)]
    pub(super) fn column_words(&self) -> usize {
        (self.weights.inputs() >> 1) * PIXELS
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
    pub(super) fn new(product: &Product<'a>, out: &Output<'a>) -> Option<Self> {
        let channels = product.blocks * CONV_CHANNELS;
        let room = out.room(channels, PIXELS)?;
        let fits = product.column_words() <= product.columns.len() && product.weights.hold(channels);
        fits.then(|| Self { ready: Ready::new(product, out), room })
    }

    /// Writes the results of the columns as they are now; `sums` is what accumulators start with, beside the header.
    #[inline(always)]
    pub(super) fn run(&mut self, sums: [i32; PIXELS], starts: Starts) {
        if starts[0] <= starts[1] && starts[1] <= starts[2] && starts[2] <= self.room {
            self.ready.run(sums, starts);
        }
    }
}

#[cfg(dsp)]
use super::strip_asm::Ready;

#[cfg(not(dsp))]
use portable::Ready;

#[cfg(not(dsp))]
mod portable {
    //! The same streams by portable arithmetic.

    use core::cell::Cell;

    use super::{BLOCK, CONV_CHANNELS, Output, PIXELS, Product, Starts};
    use crate::WeightBits;
    use crate::arch::armv7em::simd::{smlad, sxtb16, sxtb16_ror8};

    /// Adds the products of one word of weights with a strip's columns; gives the words of columns that it met.
    fn multiply(bits: WeightBits, word: u32, x: &[Cell<u32>], acc: &mut [i32; PIXELS]) -> usize {
        let mut at = 0;
        let mut dot = |weights: u32| {
            for (acc, x) in acc.iter_mut().zip(x.iter().skip(at)) {
                *acc = smlad(x.get(), weights, *acc);
            }
            at += PIXELS;
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

    /// A product that is made anew for every strip.
    pub(super) struct Ready<'a> {
        product: Product<'a>,
        out: Output<'a>,
    }

    impl<'a> Ready<'a> {
        pub(super) fn new(product: &Product<'a>, out: &Output<'a>) -> Self {
            Self { product: *product, out: *out }
        }

        pub(super) fn run(&mut self, sums: [i32; PIXELS], starts: Starts) {
            let weights = self.product.weights;
            let mut words = weights.words.iter().copied();
            for block in 0..self.product.blocks {
                let mut acc = [0i32; BLOCK];
                for acc in acc.as_chunks_mut::<PIXELS>().0 {
                    let header = words.next().unwrap_or(0) as i32;
                    *acc = sums.map(|sum| header.wrapping_add(sum));
                }
                let mut x = self.product.columns;
                for _ in 0..weights.row_words {
                    let mut used = 0;
                    for acc in acc.as_chunks_mut::<PIXELS>().0 {
                        used = multiply(weights.bits, words.next().unwrap_or(0), x, acc);
                    }
                    x = x.get(used..).unwrap_or(&[]);
                }
                for (i, acc) in acc.into_iter().enumerate() {
                    let channel = block * CONV_CHANNELS + i / PIXELS;
                    let place = (block * BLOCK + i, channel);
                    self.out.store(place, starts[i % PIXELS], weights.bits.log2_factor(), acc);
                }
            }
        }
    }
}
