//! Layout `mve`: weights of a dense product as `arch::mve` streams them into vectors.
//!
//! Channels come in blocks of [`CHANNELS`]. A block is, for every [`LANES`] inputs of a row, the weights of its
//! four channels `a, b, c, d` for these inputs, byte `i` for input `i`; rows and blocks are filled up with zeros:
//!
//! | bits | vectors | byte |
//! |--|--|--|
//! | 8 | 4 | `a`, then `b`, `c`, `d` |
//! | 4 | 2 | `a + 16 b`, then `c + 16 d` |
//! | 2 | 1 | `a + 4 b + 16 c + 64 d` |
//!
//! with weights modulo 2 to the power of their bits.

use super::{WeightBits, unpack};
use crate::size::product;

/// Channels of a block.
pub const CHANNELS: usize = 4;

/// Inputs of a vector: its bytes.
pub const LANES: usize = 16;

/// Longest row: of it, 64 times a sum of 2-bit weights and bytes fits 32 bits, and 16 times one of 4-bit weights.
pub const MAX_ROW: usize = 65_535;

/// Vectors of activations that meet a row.
pub const fn vectors(row_len: usize) -> usize {
    (row_len + LANES - 1) >> 4
}

/// Bytes of a block.
pub const fn block_bytes(bits: WeightBits, row_len: usize) -> usize {
    (vectors(row_len) << 6) >> bits.log2_per_byte()
}

/// Bytes of `rows` packed rows of `row_len` weights; `None` when too many.
pub const fn bytes(bits: WeightBits, rows: usize, row_len: usize) -> Option<usize> {
    if row_len > MAX_ROW {
        return None;
    }
    product((rows + CHANNELS - 1) >> 2, block_bytes(bits, row_len))
}

/// Packs layout `rows` in blocks, byte by byte.
pub fn pack(rows: &[u8], bits: WeightBits, (count, row_len): (usize, usize), mut emit: impl FnMut(u8)) {
    let row_bytes = bits.row_bytes(row_len);
    let mask = (1 << bits.bits()) - 1;
    let weight = |channel: usize, k: usize| -> i32 {
        if channel >= count || k >= row_len {
            return 0;
        }
        unpack(rows.get(channel * row_bytes..).unwrap_or(&[]), bits, k) & mask
    };
    let shared = 1 << bits.log2_per_byte();
    for block in (0..count).step_by(CHANNELS) {
        for first in (0..row_len).step_by(LANES) {
            for channel in (block..block + CHANNELS).step_by(shared) {
                for k in first..first + LANES {
                    let byte = (0..shared).map(|i| weight(channel + i, k) << (i as u32 * bits.bits()));
                    emit(byte.sum::<i32>() as u8);
                }
            }
        }
    }
}

/// Weight of input `k` of channel `channel` of a packed block; 0 outside.
pub fn weight(block: &[u8], bits: WeightBits, channel: usize, k: usize) -> i32 {
    let shift = bits.log2_per_byte();
    let vector = (((k >> 4) << 2) + channel) >> shift;
    let lane = channel & ((1 << shift) - 1);
    unpack(block.get(vector * LANES + (k & (LANES - 1))..).unwrap_or(&[]), bits, lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_found_again_and_the_rest_is_zero() {
        let rows: [u8; 1200] = core::array::from_fn(|i| (i * 89 + 7) as u8);
        for bits in [WeightBits::W2, WeightBits::W4, WeightBits::W8] {
            for (count, row_len) in [(1, 1), (3, 17), (2, 600), (5, 33), (8, 16)] {
                let mut packed = [0u8; 2560];
                let mut used = 0;
                pack(&rows, bits, (count, row_len), |byte| {
                    packed[used] = byte;
                    used += 1;
                });
                assert_eq!(bytes(bits, count, row_len), Some(used));
                let block_bytes = block_bytes(bits, row_len);
                for (index, block) in packed[..used].chunks(block_bytes).enumerate() {
                    for channel in 0..CHANNELS {
                        let c = index * CHANNELS + channel;
                        let row = rows.get(c * bits.row_bytes(row_len)..).unwrap_or(&[]);
                        for k in 0..vectors(row_len) * LANES {
                            let expected = if c < count && k < row_len { unpack(row, bits, k) } else { 0 };
                            assert_eq!(weight(block, bits, channel, k), expected, "{bits:?} {c} {k}");
                        }
                    }
                }
            }
        }
        assert_eq!(bytes(WeightBits::W8, 1, MAX_ROW + 1), None);
    }
}
