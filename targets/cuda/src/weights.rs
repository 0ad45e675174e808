//! Weights as the kernels read them, made once when a model is loaded.

use kernels::layout::dsp::Blocks;
use kernels::layout::{mve, unpack};
use kernels::op::Accumulate;
use kernels::{KernelError, Layout, Weights};

use crate::source::Family;

/// Bytes of a pixel's row in a slab (`tile.cuh`).
const SLAB_BYTES: usize = 64;

/// Channels that a packed matrix is filled up to: the widest tile.
pub const CHANNEL_TILE: usize = 128;

/// Weights as signed bytes, row by row.
pub struct Matrix {
    /// Rows: output channels, or taps of a depthwise step.
    rows: usize,
    /// Weights of a row.
    len: usize,
    values: Vec<i8>,
}

impl Matrix {
    /// Unpacks the weights of a step; `blocks` are those of a dense product, where the step is one.
    ///
    /// # Errors
    /// [`KernelError`] where they are not `rows` rows of `len`.
    pub fn unpack(
        accumulate: &Accumulate,
        (rows, len): (usize, usize),
        blocks: Option<Blocks>,
    ) -> Result<Self, KernelError> {
        let bits = accumulate.weight_bits;
        let matrix = |weight: &dyn Fn(usize, usize) -> i32| {
            let row = |r: usize| (0..len).map(move |k| weight(r, k) as i8);
            Self { rows, len, values: (0..rows).flat_map(row).collect() }
        };
        match (accumulate.layout, blocks) {
            (Layout::Dsp, Some(blocks)) => Ok(matrix(&|r, k| blocks.unpack(accumulate.weights, r, k))),
            (Layout::Mve, Some(_)) => {
                let bytes = mve::block_bytes(bits, len);
                let block = |r: usize| accumulate.weights.get(r / mve::CHANNELS * bytes..).unwrap_or(&[]);
                Ok(matrix(&|r, k| mve::weight(block(r), bits, r % mve::CHANNELS, k)))
            }
            _ => {
                let packed = Weights::new(accumulate.weights, bits, rows, len)?;
                Ok(matrix(&|r, k| unpack(packed.row(r), bits, k)))
            }
        }
    }

    /// The weight, 0 outside.
    fn get(&self, row: usize, k: usize) -> i8 {
        if row < self.rows && k < self.len { self.values[row * self.len + k] } else { 0 }
    }

    /// Rows of signed bytes, each filled up to a multiple of `to`; the bytes and those of a row.
    pub fn bytes(&self, to: usize) -> (Vec<u8>, usize) {
        let row_bytes = self.len.next_multiple_of(to);
        let row = |r: usize| (0..row_bytes).map(move |k| self.get(r, k) as u8);
        ((0..self.rows).flat_map(row).collect(), row_bytes)
    }

    /// Slabs of the depth `len`.
    pub fn slabs(family: Family, len: usize) -> usize {
        len.div_ceil(slab_elements(family))
    }

    /// Groups of eight channels, filled up to whole tiles.
    pub fn octets(channels: usize) -> usize {
        channels.next_multiple_of(CHANNEL_TILE) / 8
    }

    /// The order of `tile.cuh`: slab, eight channels, lane; then what the lane's registers are made of.
    ///
    /// Register `r` of half `h` of a lane holds, for channel `lane / 4` of the eight, the elements from
    /// `h * half + r * half / 2 + lane % 4 * e` on, with `e` elements in a register and `half` half a slab.
    pub fn fragments(&self, family: Family) -> Vec<u8> {
        let slab = slab_elements(family);
        let (half, e) = (slab / 2, slab / 16);
        let mut out = Vec::new();
        for s in 0..Self::slabs(family, self.len) {
            for octet in 0..Self::octets(self.rows) {
                for lane in 0..32 {
                    let channel = octet * 8 + lane / 4;
                    let register = |i: usize| {
                        let first = s * slab + i / 2 * half + i % 2 * half / 2 + lane % 4 * e;
                        (0..e).map(move |j| self.get(channel, first + j))
                    };
                    match family {
                        Family::Bytes | Family::Gather | Family::Unpack => {
                            out.extend((0..4).flat_map(register).map(|w| w as u8));
                        }
                        Family::Nibbles => {
                            let nibbles: Vec<i8> = (0..4).flat_map(register).collect();
                            out.extend(nibbles.chunks(2).map(|pair| nibble(pair[0]) | nibble(pair[1]) << 4));
                        }
                        Family::BytesNibbles => {
                            for pair in [[0, 1], [2, 3]] {
                                let [low, high] = pair.map(register);
                                out.extend(low.zip(high).map(|(low, high)| nibble(low) | nibble(high) << 4));
                            }
                        }
                        Family::BytesPairs => {
                            let mut bytes = [0u8; 4];
                            for i in 0..4 {
                                let bits = register(i).map(|w| (w as u8 & 3) << (2 * i));
                                bytes.iter_mut().zip(bits).for_each(|(byte, bits)| *byte |= bits);
                            }
                            out.extend(bytes);
                        }
                    }
                }
            }
        }
        out
    }
}

fn nibble(weight: i8) -> u8 {
    weight as u8 & 15
}

/// Elements of a slab's row.
pub fn slab_elements(family: Family) -> usize {
    if family == Family::Nibbles { 2 * SLAB_BYTES } else { SLAB_BYTES }
}

#[cfg(test)]
mod tests {
    use kernels::numerics::Clamp;
    use kernels::{WeightBits, layout::dsp::CONV_CHANNELS};

    use super::*;

    #[test]
    fn every_layout_holds_the_same_weights() {
        let rows: Vec<u8> = (0..2000u32).map(|i| (i * 89 + 7) as u8).collect();
        for bits in [WeightBits::W8, WeightBits::W4, WeightBits::W2] {
            for (count, len) in [(1, 1), (5, 33), (6, 64), (3, 500)] {
                let blocks =
                    Blocks { bits, rows: count, kernel_rows: 1, row_len: len, channels: CONV_CHANNELS };
                let (mut dsp, mut vectors) = (Vec::new(), Vec::new());
                let packed = &rows[..count * bits.row_bytes(len)];
                blocks.pack(packed, &vec![0; count], |word| dsp.extend(word.to_le_bytes()));
                mve::pack(packed, bits, (count, len), |byte| vectors.push(byte));
                let unpacked = |layout, weights| {
                    let accumulate = Accumulate {
                        weights,
                        weight_bits: bits,
                        layout,
                        bias: &[],
                        multipliers: &[],
                        shift: 32,
                        residual_multiplier: 1,
                        clamp: Clamp { lo: -128, hi: 127 },
                    };
                    Matrix::unpack(&accumulate, (count, len), Some(blocks)).expect("unpacks").values
                };
                let expected = unpacked(Layout::Rows, packed);
                assert_eq!(unpacked(Layout::Dsp, &dsp), expected, "{bits:?} {count} {len}");
                assert_eq!(unpacked(Layout::Mve, &vectors), expected, "{bits:?} {count} {len}");
            }
        }
    }
}
