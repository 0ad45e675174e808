//! Dense products of widened columns with weights in layout [`dsp`](crate::layout::dsp): what a strip of
//! pixels and a block of channels need, the same by instructions ([`product_asm`](super::product_asm)) and by
//! portable arithmetic.

use core::cell::Cell;

use super::column::Columns;
use crate::WeightBits;
use crate::layout::dsp::{CONV_CHANNELS, DENSE_CHANNELS};

/// Pixels of a convolution's strip.
pub(super) const PIXELS: usize = 3;

/// Accumulators of a convolution's block: channel-major.
pub(super) const BLOCK: usize = PIXELS * CONV_CHANNELS;

/// Words of one channel's stream: weights and headers.
pub(super) fn stream_words(bits: WeightBits, row_len: usize, entries: usize) -> usize {
    bits.row_words(row_len) + if bits == WeightBits::W8 { entries } else { 0 }
}

/// Requantises at shift 32 to signed bytes: `channels` multipliers, and where each pixel's bytes go.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) multipliers: &'a [i32],
    pub(super) pixels: [&'a [Cell<u8>]; PIXELS],
}

/// Products of a strip with whole blocks of channels.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    pub(super) columns: Columns<'a, PIXELS>,
    /// Streams of the blocks, one after the other.
    pub(super) weights: &'a [u32],
    /// Words of one block.
    pub(super) stride: usize,
    /// Biases of all channels.
    pub(super) bias: &'a [i32],
    blocks: usize,
}

impl<'a> Strip<'a> {
    /// A strip whose `blocks` are as many as there are weights and biases for.
    pub(super) fn new(
        columns: Columns<'a, PIXELS>,
        weights: &'a [u32],
        stride: usize,
        bias: &'a [i32],
    ) -> Self {
        let (mut blocks, mut words) = (0, stride);
        while words <= weights.len() && (blocks + 1) * CONV_CHANNELS <= bias.len() {
            blocks += 1;
            words += stride;
        }
        Self { columns, weights, stride, bias, blocks }
    }

    /// Writes requantised bytes of every block.
    #[inline(always)]
    pub(super) fn bytes(&self, out: &Bytes) {
        let room = out.pixels.iter().fold(out.multipliers.len(), |room, pixel| room.min(pixel.len()));
        if self.blocks > 0 && room >= self.blocks * CONV_CHANNELS {
            imp::strip(self, self.blocks, Some(out), &[]);
        }
    }

    /// Writes accumulators with their bias, [`BLOCK`] for each block that there is room for.
    pub(super) fn accumulators(&self, out: &[Cell<i32>]) {
        let (mut blocks, mut room) = (0, BLOCK);
        while blocks < self.blocks && room <= out.len() {
            blocks += 1;
            room += BLOCK;
        }
        if blocks > 0 {
            imp::strip(self, blocks, None, out);
        }
    }
}

/// Sums of one column with a block of a dense layer's channels, without bias. `weights` is one block.
#[inline(always)]
pub(super) fn dense(columns: &Columns<1>, weights: &[u32], words: usize) -> [i32; DENSE_CHANNELS] {
    if weights.len() < words * DENSE_CHANNELS {
        return [0; DENSE_CHANNELS];
    }
    imp::dense(columns, weights)
}

#[cfg(dsp)]
use super::product_asm as imp;

#[cfg(not(dsp))]
mod imp {
    //! The same streams by portable arithmetic.

    use super::{BLOCK, Bytes, Columns, DENSE_CHANNELS, PIXELS, Strip};
    use crate::WeightBits;
    use crate::arch::armv7em::column::ENTRY;
    use crate::arch::armv7em::simd::{smlad, smmul, ssat8, sxtb16, sxtb16_ror8};
    use core::cell::Cell;

    /// Adds the products of one word of weights with `P` columns.
    fn multiply<const P: usize>(bits: WeightBits, word: u32, x: &[Cell<u32>], acc: &mut [i32]) -> usize {
        let mut at = 0;
        let mut dot = |weights: u32| {
            for (acc, x) in acc.iter_mut().zip(x.iter().skip(at)).take(P) {
                *acc = smlad(x.get(), weights, *acc);
            }
            at += P;
        };
        match bits {
            WeightBits::W8 => [word & 0x00ff_00ff, word].into_iter().for_each(&mut dot),
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

    /// Factor that the packed weights leave in an accumulator, as a shift.
    fn factor(bits: WeightBits) -> u32 {
        match bits {
            WeightBits::W8 => 8,
            WeightBits::W4 => 4,
            WeightBits::W2 => 6,
        }
    }

    /// Sums of one block of `C` channels with `P` columns, channel-major; moves `weights` behind it.
    fn block<const P: usize, const C: usize, const N: usize>(
        columns: &Columns<P>,
        weights: &mut impl Iterator<Item = u32>,
    ) -> [i32; N] {
        let mut result = [0i32; N];
        let mut x = 0;
        for entry in columns.entries().as_chunks::<ENTRY>().0 {
            let mut acc = [0i32; N];
            for acc in acc.as_chunks_mut::<P>().0.iter_mut().take(C) {
                let header = if columns.bits == WeightBits::W8 { weights.next().unwrap_or(0) } else { 0 };
                for (acc, sum) in acc.iter_mut().zip(entry) {
                    *acc = sum.get().wrapping_add(header) as i32;
                }
            }
            while x < entry[4].get() as usize {
                let mut used = 0;
                for acc in acc.as_chunks_mut::<P>().0.iter_mut().take(C) {
                    let word = weights.next().unwrap_or(0);
                    used = multiply::<P>(columns.bits, word, columns.words.get(x..).unwrap_or(&[]), acc);
                }
                x += used;
            }
            for (result, acc) in result.iter_mut().zip(acc) {
                *result = result.wrapping_add(acc >> factor(columns.bits));
            }
        }
        result
    }

    pub(super) fn strip(strip: &Strip, blocks: usize, bytes: Option<&Bytes>, raw: &[Cell<i32>]) {
        let mut weights = strip.weights.iter().copied();
        for index in 0..blocks {
            let sums = block::<PIXELS, 2, BLOCK>(&strip.columns, &mut weights);
            for (i, sum) in sums.into_iter().enumerate() {
                let (c, p) = (2 * index + i / PIXELS, i % PIXELS);
                let acc = sum.wrapping_add(strip.bias.get(c).copied().unwrap_or(0));
                match bytes {
                    None => {
                        if let Some(cell) = raw.get(index * BLOCK + i) {
                            cell.set(acc);
                        }
                    }
                    Some(bytes) => {
                        let multiplier = bytes.multipliers.get(c).copied().unwrap_or(0);
                        if let Some(cell) = bytes.pixels.get(p).and_then(|pixel| pixel.get(c)) {
                            cell.set(ssat8(smmul(acc, multiplier)) as u8);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn dense(columns: &Columns<1>, weights: &[u32]) -> [i32; DENSE_CHANNELS] {
        block::<1, DENSE_CHANNELS, DENSE_CHANNELS>(columns, &mut weights.iter().copied())
    }
}
