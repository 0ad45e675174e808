//! The CONST section while it grows.

use kernels::{WeightBits, layout};
use runtime::format::Region;

/// Packed weights, biases, multipliers and tables, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    bytes: Vec<u8>,
    weight_bytes: usize,
}

impl Constants {
    /// Appends bytes on a multiple of 4.
    pub fn bytes(&mut self, bytes: &[u8]) -> Region {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Region { offset, bytes: bytes.len() as u32 }
    }

    /// Appends words; gives their offset.
    pub fn words(&mut self, words: &[i32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        self.bytes(&bytes).offset
    }

    /// Appends weights that are packed already.
    pub fn packed_weights(&mut self, bytes: &[u8]) -> Region {
        self.weight_bytes += bytes.len();
        self.bytes(bytes)
    }

    /// Packs and appends rows of weights.
    pub fn weights(&mut self, rows: &[Vec<i8>], bits: WeightBits) -> Region {
        let mut packed = Vec::new();
        for row in rows {
            let mut bytes = vec![0u8; bits.row_bytes(row.len())];
            for (i, &w) in row.iter().enumerate() {
                layout::pack(&mut bytes, bits, i, w);
            }
            packed.extend(bytes);
        }
        self.packed_weights(&packed)
    }

    /// Bytes of packed weights alone.
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    /// The section.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
