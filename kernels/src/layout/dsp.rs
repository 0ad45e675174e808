//! Layout `dsp`: weights of a dense product as `arch::armv7em` streams them.
//!
//! Channels come in blocks ([`CONV_CHANNELS`] or [`DENSE_CHANNELS`], the last one padded with zero
//! weights). A block is a sequence of little-endian words: for every word index of a row, one word of each
//! of its channels. A word holds 4 (8-bit weights), 8 (4-bit) or 16 (2-bit) inputs; rows are padded with
//! zero weights. At 8 bits the words come in chunks of [`CHUNK_WORDS`], each behind one header word per channel.
//!
//! Inputs `x0 .. x3` of a quad make two pairs, `e = (x0, x2)` and `o = (x1, x3)`, because that is what
//! SXTB16 makes of four bytes. A kernel multiplies a 16-bit lane of several packed weights, and the lowest
//! ones of it, by combinations of activations in which all but one weight cancel:
//!
//! | bits | byte of a lane | product | sum is |
//! |--|--|--|--|
//! | 8 | even byte `w0 + 128`, odd byte `w1` | `(lane & 255) * (256 e + 127 - o) + lane * o` | `256 (w0 e + w1 o) + 32768 e + 127 (w0 + 128)` |
//! | 4 | `(w0 + 8) + 16 w1` | `(byte & 15) * (16 e - o) + byte * o` | `16 (w0 e + w1 o) + 128 e` |
//! | 2 | `(w0 + 2) + 4 (w1 + 2) + 16 (w2 + 2) + 64 w3` | `(byte & 3) * (64 e - 16 o) + (byte & 15) * (16 o - 4 e') + (byte & 63) * (4 e' - o') + byte * o'` | `64 (...) + 128 (e + o + e')` |
//!
//! Of the last column the term in activations is subtracted per pixel; the constant, at 8 bits, is in the
//! header: `-127 * sum(w0 + 128)` over the chunk's even weights.

use super::{WeightBits, unpack};
use crate::size::product;

/// Channels of a convolution's block.
pub const CONV_CHANNELS: usize = 2;

/// Channels of a dense layer's block.
pub const DENSE_CHANNELS: usize = 4;

/// Words of a channel behind one header: `256 * sum(w * x)` of a chunk always fits 32 bits.
pub const CHUNK_WORDS: usize = 124;

impl WeightBits {
    /// Base-2 logarithm of the inputs that a word holds.
    pub const fn log2_per_word(self) -> u32 {
        self.log2_per_byte() + 2
    }

    /// Words of one channel with `row_len` weights.
    pub const fn row_words(self, row_len: usize) -> usize {
        let shift = self.log2_per_word();
        (row_len >> shift) + ((row_len & ((1 << shift) - 1) != 0) as usize)
    }
}

/// Longest row: its words are counted in 16 bits.
pub const MAX_ROW: usize = 65_535;

/// Chunks of a row of `row_len <= MAX_ROW` 8-bit weights, without a division.
pub(crate) const fn chunks(row_len: usize) -> usize {
    // 33826 / 2^22 is 1 / 124 closely enough for every row; a test counts them all.
    ((WeightBits::W8.row_words(row_len) + CHUNK_WORDS - 1) * 33_826) >> 22
}

/// Bytes of `rows` packed rows of `row_len` weights in blocks of `channels`; `None` when too many.
pub const fn bytes(bits: WeightBits, rows: usize, row_len: usize, channels: usize) -> Option<usize> {
    if row_len > MAX_ROW {
        return None;
    }
    let words = bits.row_words(row_len);
    let headers = if matches!(bits, WeightBits::W8) { chunks(row_len) } else { 0 };
    let padded = (rows + channels - 1) & !(channels - 1);
    match product(words + headers, padded) {
        Some(words) => product(words, 4),
        None => None,
    }
}

/// Packs layout `rows` in blocks of `channels`, word by word.
pub fn pack(
    rows: &[u8],
    bits: WeightBits,
    (count, row_len): (usize, usize),
    channels: usize,
    mut emit: impl FnMut(u32),
) {
    let row_bytes = bits.row_bytes(row_len);
    let weight = |channel: usize, k: usize| -> i32 {
        if channel >= count || k >= row_len {
            return 0;
        }
        unpack(rows.get(channel * row_bytes..).unwrap_or(&[]), bits, k)
    };
    let words = bits.row_words(row_len);
    let inputs = 1 << bits.log2_per_word();
    for block in (0..count).step_by(channels) {
        for chunk in (0..words).step_by(CHUNK_WORDS) {
            let end = words.min(chunk + CHUNK_WORDS);
            if bits == WeightBits::W8 {
                for c in block..block + channels {
                    let even = (2 * chunk..2 * end).map(|i| weight(c, 2 * i) + 128).sum::<i32>();
                    emit((-127 * even) as u32);
                }
            }
            for word in chunk..end {
                for c in block..block + channels {
                    emit(encode(bits, |i| weight(c, word * inputs + i)));
                }
            }
        }
    }
}

/// One word of a channel: `weight` gives its inputs.
fn encode(bits: WeightBits, weight: impl Fn(usize) -> i32) -> u32 {
    let byte = |k: usize| -> u8 {
        (match bits {
            WeightBits::W8 => weight(k) + if k & 1 == 0 { 128 } else { 0 },
            // Byte k of a word: lane k / 2, group k % 2 of inputs.
            WeightBits::W4 => {
                let at = (k & 1) * 4 + (k >> 1) * 2;
                (weight(at) + 8) | (weight(at + 1) << 4)
            }
            WeightBits::W2 => {
                let at = (k & 1) * 8 + (k >> 1) * 2;
                (weight(at) + 2)
                    | ((weight(at + 1) + 2) << 2)
                    | ((weight(at + 4) + 2) << 4)
                    | (weight(at + 5) << 6)
            }
        }) as u8
    };
    u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_counted_exactly() {
        for row_len in 1..=MAX_ROW {
            assert_eq!(chunks(row_len), row_len.div_ceil(4).div_ceil(CHUNK_WORDS), "{row_len}");
        }
    }

    #[test]
    fn packing_gives_as_many_words_as_announced() {
        let rows = [0x5au8; 1200];
        for bits in [WeightBits::W2, WeightBits::W4, WeightBits::W8] {
            for (count, row_len) in [(1, 1), (3, 17), (2, 600), (5, 33)] {
                for channels in [CONV_CHANNELS, DENSE_CHANNELS] {
                    let mut words = 0;
                    pack(&rows, bits, (count, row_len), channels, |_| words += 1);
                    assert_eq!(bytes(bits, count, row_len, channels), Some(words * 4));
                }
            }
        }
        assert_eq!(bytes(WeightBits::W8, 1, MAX_ROW + 1, CONV_CHANNELS), None);
    }

    #[test]
    fn low_weights_are_offset_and_the_header_cancels_a_constant() {
        let header = |even: i32| (-127 * even) as u32;
        let mut expected = [header(129 + 125), header(256), 0x047d_0281, 0x0080_0080].into_iter();
        pack(&[1, 2, 0xfd, 4], WeightBits::W8, (1, 4), CONV_CHANNELS, |word| {
            assert_eq!(Some(word), expected.next());
        });
        assert_eq!(expected.next(), None);
    }
}
