//! Packed weights. Two's complement, lowest bits first: a byte holds weights `i, i+1` (4 bits) or
//! `i .. i+4` (2 bits), the first one in the lowest bits. Every row starts on a byte.
//!
//! Layout `rows`: convolution and dense are output-channel-major, a row holds one channel's
//! `[kh, kw, cin / groups]` (dense: `[h, w, c]`); depthwise is tap-major, a row holds one tap's channels.
//! Layout [`dsp`] is for cores with dual 16-bit multiplication, layout [`mve`] for those with vectors.

pub mod dsp;
pub mod mve;

use crate::KernelError;
use crate::size::product;

/// How the weights of a network are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Plain rows: runs everywhere.
    Rows,
    /// Dense products in layout [`dsp`]; grouped and depthwise convolutions in rows. Runs on cores with the
    /// DSP extension, and on a host.
    Dsp,
    /// Dense products in layout [`mve`]; grouped and depthwise convolutions in rows. Runs on cores with Helium,
    /// and on a host.
    Mve,
    /// Plain rows, of which convolutions take four at once: columns take more scratch. Runs on cores without the DSP
    /// extension, and on a host.
    Words,
}

/// Width of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WeightBits {
    /// -2..=1, four in a byte.
    W2,
    /// -8..=7, two in a byte.
    W4,
    /// -128..=127.
    W8,
}

impl WeightBits {
    /// Bits of one weight.
    pub const fn bits(self) -> u32 {
        match self.linked() {
            Self::W2 => 2,
            Self::W4 => 4,
            Self::W8 => 8,
        }
    }

    /// Base-2 logarithm of the weights in a byte.
    pub const fn log2_per_byte(self) -> u32 {
        match self.linked() {
            Self::W2 => 2,
            Self::W4 => 1,
            Self::W8 => 0,
        }
    }

    /// Smallest and largest weight.
    pub const fn range(self) -> (i32, i32) {
        let half = 1 << (self.bits() - 1);
        (-half, half - 1)
    }

    /// Bytes of a row of `count` weights.
    pub const fn row_bytes(self, count: usize) -> usize {
        let shift = self.log2_per_byte();
        (count >> shift) + ((count & ((1 << shift) - 1) != 0) as usize)
    }
}

/// Packed weights in layout `rows`.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    data: &'a [u8],
    bits: WeightBits,
    rows: usize,
    row_bytes: usize,
}

impl<'a> Weights<'a> {
    /// `rows` rows of `row_len` weights.
    ///
    /// # Errors
    /// [`KernelError::InvalidConstants`] when `data` has another length.
    pub fn new(data: &'a [u8], bits: WeightBits, rows: usize, row_len: usize) -> Result<Self, KernelError> {
        let row_bytes = bits.row_bytes(row_len);
        let need = product(row_bytes, rows).ok_or(KernelError::InvalidShape)?;
        if need != data.len() {
            return Err(KernelError::InvalidConstants { need: need as u32, have: data.len() as u32 });
        }
        Ok(Self { data, bits, rows, row_bytes })
    }

    /// Width of a weight.
    pub fn bits(&self) -> WeightBits {
        self.bits
    }

    /// Bytes of row `index`; empty outside.
    #[inline(always)]
    pub fn row(&self, index: usize) -> &'a [u8] {
        if index >= self.rows {
            return &[];
        }
        let start = index * self.row_bytes;
        self.data.get(start..start + self.row_bytes).unwrap_or(&[])
    }
}

/// Weight `index` of a packed row; 0 outside.
#[inline(always)]
pub fn unpack(row: &[u8], bits: WeightBits, index: usize) -> i32 {
    let shift = bits.log2_per_byte();
    let byte = row.get(index >> shift).copied().unwrap_or(0);
    let lane = (index & ((1 << shift) - 1)) as u32;
    let top = 8 - bits.bits() * (lane + 1);
    i32::from(((byte << top) as i8) >> (8 - bits.bits()))
}

/// Stores weight `value` at `index` of a packed row whose bits are still zero; nothing outside.
pub fn pack(row: &mut [u8], bits: WeightBits, index: usize, value: i8) {
    let shift = bits.log2_per_byte();
    let lane = (index & ((1 << shift) - 1)) as u32;
    let mask = ((1u16 << bits.bits()) - 1) as u8;
    if let Some(byte) = row.get_mut(index >> shift) {
        *byte |= (value as u8 & mask) << (bits.bits() * lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_packing_at_every_place() {
        for bits in [WeightBits::W2, WeightBits::W4, WeightBits::W8] {
            let (lo, hi) = bits.range();
            for place in 0..9 {
                for value in lo..=hi {
                    let mut row = [0u8; 9];
                    pack(&mut row, bits, place, value as i8);
                    for i in 0..9 {
                        assert_eq!(unpack(&row, bits, i), if i == place { value } else { 0 });
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_lies_behind_the_last_row() {
        let weights = Weights::new(&[1, 2, 3, 4], WeightBits::W4, 2, 3).unwrap();
        assert_eq!(weights.row(1), [3, 4]);
        assert!(weights.row(2).is_empty() && weights.row(usize::MAX).is_empty());
    }

    #[test]
    fn low_bits_come_first() {
        let mut row = [0u8; 1];
        pack(&mut row, WeightBits::W4, 0, 1);
        pack(&mut row, WeightBits::W4, 1, -1);
        assert_eq!(row, [0xf1]);
        assert_eq!(WeightBits::W4.row_bytes(3), 2);
        assert_eq!(WeightBits::W2.row_bytes(5), 2);
    }
}
