//! Layout `dsp`: weights of a dense product as `arch::armv7em` streams them.
//!
//! The first word is 1 where the weights are folded, else 0. Then channels come in blocks of 2 (convolution) or 4
//! (dense layer), the last one padded with zero weights. A block is a sequence of little-endian words: as many header words
//! as it has channels, then as many for every word index of a row: they hold 4 (8-bit weights), 8 (4-bit) or 16 (2-bit)
//! inputs of all its channels ([`word`]). The weights of every kernel row are padded with zero weights to a multiple of 4
//! inputs (8 at 2 bits), so that a kernel row is whole words of the input; those of a dense layer, which are one row, to a
//! multiple of 8; then all of a channel's to whole words.
//!
//! Folded: the headers also hold the biases, times 256, 16 or 64, because whatever the inputs are, that multiple of the
//! whole accumulator fits 32 bits. Where it might not, biases stay apart, and 8-bit rows come in chunks of
//! [`CHUNK_WORDS`], each behind headers of its own. Both forms have the same size: the folded one is filled up with zeros.

pub mod word;

use super::{WeightBits, unpack};
use crate::size::product;
use word::Kind;

#[cfg(not(dsp))]
pub(crate) use word::parts;

/// Channels of a convolution's block.
pub const CONV_CHANNELS: usize = 2;

/// Channels of a dense layer's block.
pub const DENSE_CHANNELS: usize = 4;

/// Words of a channel behind one header that is not folded: `256 * sum(w * x)` of a chunk always fits 32 bits.
pub const CHUNK_WORDS: usize = 124;

/// Most inputs of a channel, padded: its words are counted in 16 bits.
const MAX_INPUTS: usize = 65_535;

impl WeightBits {
    /// Base-2 logarithm of the inputs that a word holds.
    pub const fn log2_per_word(self) -> u32 {
        self.log2_per_byte() + 2
    }

    /// Base-2 logarithm of the factor that packed weights leave in an accumulator.
    pub(crate) const fn log2_factor(self) -> u32 {
        match self {
            Self::W8 => 8,
            Self::W4 => 4,
            Self::W2 => 6,
        }
    }
}

/// The blocks of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Width of a weight.
    pub bits: WeightBits,
    /// Output channels.
    pub rows: usize,
    /// Kernel rows; 1 in a dense layer.
    pub kernel_rows: usize,
    /// Weights of a channel in a kernel row.
    pub row_len: usize,
    /// Channels of a block: [`CONV_CHANNELS`] or [`DENSE_CHANNELS`].
    pub channels: usize,
}

/// What follows from the shape of blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) blocks: Blocks,
    /// Inputs of a kernel row with those that pad it.
    pub(crate) padded_row: usize,
    /// Words of one channel without headers.
    pub(crate) row_words: usize,
    /// Chunks of a channel that is not folded.
    pub(crate) chunks: usize,
}

impl Sizes {
    /// Inputs of a channel with all that pad it.
    #[inline(always)]
    pub(crate) const fn padded_inputs(&self) -> usize {
        self.row_words << self.blocks.bits.log2_per_word()
    }

    /// Words of one folded block.
    #[inline(always)]
    pub(crate) const fn folded_words(&self) -> usize {
        (self.row_words + 1) * self.blocks.channels
    }

    /// Words of one block that is not folded.
    pub(crate) const fn chunked_words(&self) -> usize {
        (self.row_words + self.chunks) * self.blocks.channels
    }

    /// Bytes of all packed weights; `None` when too many.
    #[inline(always)]
    pub(crate) const fn bytes(&self) -> Option<usize> {
        let Blocks { rows, channels, .. } = self.blocks;
        let padded = (rows + channels - 1) & !(channels - 1);
        match product(self.row_words + self.chunks, padded) {
            Some(words) => product(words + 1, 4),
            None => None,
        }
    }
}

impl Blocks {
    /// What follows from the shape; `None` when a channel has more than [`MAX_INPUTS`].
    #[inline(always)]
    pub(crate) const fn sizes(&self) -> Option<Sizes> {
        if self.row_len > MAX_INPUTS {
            return None;
        }
        let eight = self.channels == DENSE_CHANNELS || matches!(self.bits.linked(), WeightBits::W2);
        let unit = if eight { 7 } else { 3 };
        let padded_row = (self.row_len + unit) & !unit;
        let inputs = match product(padded_row, self.kernel_rows) {
            Some(inputs) if inputs <= MAX_INPUTS => inputs,
            _ => return None,
        };
        let shift = self.bits.log2_per_word();
        let row_words = (inputs >> shift) + ((inputs & ((1 << shift) - 1) != 0) as usize);
        let chunks = match self.bits.linked() {
            // 33826 / 2^22 is 1 / 124 closely enough for every channel; a test counts them all.
            WeightBits::W8 => ((row_words + CHUNK_WORDS - 1) * 33_826) >> 22,
            _ => 1,
        };
        Some(Sizes { blocks: *self, padded_row, row_words, chunks })
    }

    /// Whether the weights are not too long for blocks.
    pub const fn fits(&self) -> bool {
        self.sizes().is_some()
    }

    /// Bytes of all packed weights; `None` when too many.
    pub const fn bytes(&self) -> Option<usize> {
        match self.sizes() {
            Some(sizes) => sizes.bytes(),
            None => None,
        }
    }

    /// Packs layout `rows` with its biases, word by word; nothing where they do not fit.
    pub fn pack(&self, rows: &[u8], bias: &[i32], mut emit: impl FnMut(u32)) {
        let Self { bits, rows: count, kernel_rows, row_len, channels } = *self;
        let Some(Sizes { padded_row, row_words: words, chunks, .. }) = self.sizes() else { return };
        let weights = kernel_rows * row_len;
        let row_bytes = bits.row_bytes(weights);
        let weight = |channel: usize, k: usize| -> i32 {
            if channel >= count || k >= weights {
                return 0;
            }
            unpack(rows.get(channel * row_bytes..).unwrap_or(&[]), bits, k)
        };
        // By the place in padded kernel rows.
        let padded = |channel: usize, at: usize| -> i32 {
            let (row, at) = (at / padded_row, at % padded_row);
            if at < row_len && row < kernel_rows { weight(channel, row * row_len + at) } else { 0 }
        };
        let bias = |channel: usize| bias.get(channel).copied().unwrap_or(0);
        let inputs = 1 << bits.log2_per_word();
        let bound = |channel: usize| {
            let sum = (0..weights).map(|k| i64::from(weight(channel, k).abs())).sum::<i64>();
            128 * sum + i64::from(bias(channel)).abs()
        };
        let folded = (0..count).all(|channel| bound(channel) < 1 << (31 - bits.log2_factor()));
        let chunk_words = if folded { words } else { CHUNK_WORDS };
        let chunk_words = if bits.linked() == WeightBits::W8 { chunk_words } else { words };
        let kind = self.kind();
        emit(u32::from(folded));
        for block in (0..count).step_by(channels) {
            // By the channel in the block, and the place in a word.
            let inputs_of = |word: usize| move |c: usize, i: usize| padded(block + c, word * inputs + i);
            for chunk in (0..words).step_by(chunk_words) {
                let range = chunk..words.min(chunk + chunk_words);
                for slot in 0..channels {
                    let left = |word: usize| kind.constant(bits, slot, inputs_of(word));
                    let biases = if folded { kind.bias(bits, slot, |c| bias(block + c)) } else { 0 };
                    emit(biases.wrapping_sub(range.clone().map(left).fold(0, i32::wrapping_add)) as u32);
                }
                for word in range {
                    (0..channels).for_each(|slot| emit(kind.encode(bits, slot, inputs_of(word))));
                }
            }
        }
        if folded {
            let blocks = count.div_ceil(channels);
            (0..blocks * channels * (chunks - 1)).for_each(|_| emit(0));
        }
    }

    /// Weight `k` of a channel, as layout `rows` has it: for backends with packings of their own. 0 outside.
    pub fn unpack(&self, packed: &[u8], channel: usize, k: usize) -> i32 {
        let Self { bits, rows, kernel_rows, row_len, channels } = *self;
        if channel >= rows || k >= kernel_rows * row_len {
            return 0;
        }
        let Some(sizes) = self.sizes() else { return 0 };
        let folded = packed.first() == Some(&1);
        let chunk_words = if folded || bits != WeightBits::W8 { sizes.row_words } else { CHUNK_WORDS };
        let block_words = if folded { sizes.folded_words() } else { sizes.chunked_words() };
        let at = k / row_len * sizes.padded_row + k % row_len;
        let word = at >> bits.log2_per_word();
        let (chunk, within) = (word / chunk_words, word % chunk_words);
        let headers = channels * (chunk + 1);
        let i = at & ((1 << bits.log2_per_word()) - 1);
        let slot = self.kind().slot(bits, channel % channels, i);
        let in_block = headers + (chunk * chunk_words + within) * channels + slot;
        let first = 4 * (1 + channel / channels * block_words + in_block);
        self.kind().decode(bits, packed.get(first..).unwrap_or(&[]), channel % channels, i)
    }

    /// What the words are made for.
    const fn kind(&self) -> Kind {
        if self.channels == DENSE_CHANNELS { Kind::Column } else { Kind::Strip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: [WeightBits; 3] = [WeightBits::W2, WeightBits::W4, WeightBits::W8];

    fn blocks(bits: WeightBits, (rows, row_len): (usize, usize), channels: usize) -> Blocks {
        Blocks { bits, rows, kernel_rows: 1, row_len, channels }
    }

    #[test]
    fn chunks_are_counted_exactly() {
        for (channels, padding) in [(CONV_CHANNELS, 3), (DENSE_CHANNELS, 7)] {
            let longest = MAX_INPUTS - padding;
            for row_len in 1..=longest {
                let sizes = blocks(WeightBits::W8, (1, row_len), channels).sizes().unwrap();
                assert_eq!(sizes.chunks, sizes.row_words.div_ceil(CHUNK_WORDS), "{row_len}");
            }
            assert!(!blocks(WeightBits::W8, (1, longest + 1), channels).fits());
        }
    }

    #[test]
    fn packing_gives_as_many_words_as_announced() {
        let rows = [0x5au8; 1200];
        for bits in BITS {
            for shape in [(1, 1), (3, 17), (2, 600), (5, 33)] {
                for channels in [CONV_CHANNELS, DENSE_CHANNELS] {
                    for bias in [0, i32::MIN] {
                        let blocks = blocks(bits, shape, channels);
                        let (mut words, mut first) = (0, 0);
                        blocks.pack(&rows, &[bias; 5], |word| {
                            first = if words == 0 { word } else { first };
                            words += 1;
                        });
                        assert_eq!(blocks.bytes(), Some(words * 4));
                        assert_eq!(first, u32::from(bias == 0));
                    }
                }
            }
        }
        assert_eq!(blocks(WeightBits::W8, (1, MAX_INPUTS + 1), CONV_CHANNELS).bytes(), None);
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let mut rows = [0u8; 3000];
        rows.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 37 + i / 11) as u8);
        for bits in BITS {
            for (count, kernel_rows, row_len) in [(1, 1, 1), (3, 3, 7), (2, 1, 600), (5, 2, 33), (4, 3, 8)] {
                for channels in [CONV_CHANNELS, DENSE_CHANNELS] {
                    // Folded, and apart: in chunks at 8 bits.
                    for bias in [0, i32::MIN] {
                        let blocks = Blocks { bits, rows: count, kernel_rows, row_len, channels };
                        let (mut packed, mut used) = ([0u8; 4096], 0);
                        blocks.pack(&rows, &[bias; 5], |word| {
                            packed[used..used + 4].copy_from_slice(&word.to_le_bytes());
                            used += 4;
                        });
                        let row_bytes = bits.row_bytes(kernel_rows * row_len);
                        for channel in 0..count {
                            for k in 0..kernel_rows * row_len {
                                let expected = unpack(&rows[channel * row_bytes..], bits, k);
                                assert_eq!(blocks.unpack(&packed[..used], channel, k), expected);
                            }
                        }
                        assert_eq!(blocks.unpack(&packed[..used], count, 0), 0);
                    }
                }
            }
        }
    }

    #[test]
    fn kernel_rows_are_padded_apart() {
        let blocks = Blocks { kernel_rows: 2, ..blocks(WeightBits::W8, (1, 3), CONV_CHANNELS) };
        let mut words = [0; 7];
        let mut count = 0;
        blocks.pack(&[1, 2, 3, 4, 5, 6], &[0], |word| {
            words[count] = word;
            count += 1;
        });
        assert_eq!(blocks.bytes(), Some(28));
        assert_eq!([words[3], words[5]], [0x0083_0281, 0x0086_0584]);
    }

    #[test]
    fn low_weights_are_offset_and_the_header_cancels_a_constant() {
        let pack = |bias: i32| {
            let (mut words, mut count) = ([0; 5], 0);
            let rows = [1, 2, 0xfd, 4];
            blocks(WeightBits::W8, (1, 4), CONV_CHANNELS).pack(&rows, &[bias], |word| {
                words[count] = word;
                count += 1;
            });
            words
        };
        let header = |even: i32| (-127 * even) as u32;
        let [first, second] = [0x047d_0281, 0x0080_0080];
        assert_eq!(pack(3), [1, header(129 + 125) + 3 * 256, header(256), first, second]);
        assert_eq!(pack(1 << 23), [0, header(129 + 125), header(256), first, second]);
    }

    #[test]
    fn dense_words_hold_two_channels_and_headers_cancel_products_of_weights() {
        let (mut words, mut count) = ([0; 13], 0);
        let rows = [1, 2, 0xfd, 4, 5, 6, 7, 0xf8];
        blocks(WeightBits::W8, (2, 4), DENSE_CHANNELS).pack(&rows, &[3, 4], |word| {
            words[count] = word;
            count += 1;
        });
        // Two of the four channels are there, and four of their eight inputs.
        let (none, rest) = (128 * 128 * 2, 128 * 128 * 4);
        let first = 3 - (129 * 130 + 125 * 132) - none;
        assert_eq!(words[..5], [1, first as u32, 4 * 256 + 3, -rest as u32, 0]);
        assert_eq!(words[5..9], [0x077d_0581, 0xf884_0682, 0x0080_0080, 0x0080_0080]);
        assert_eq!(words[9..], [0x0080_0080; 4]);
    }
}
