//! CRC-32 (ISO-HDLC, as in zip and Ethernet) of a file or of a step's output: four bytes that find the first
//! step where two targets differ.

use core::cell::Cell;

/// Reflected polynomial of CRC-32 (ISO-HDLC).
const POLYNOMIAL: u32 = 0xedb8_8320;

/// What four bits do to the remainder: 64 bytes of flash, where a table for bytes has 1024.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, with an index below 16")]
static NIBBLES: [u32; 16] = {
    let mut table = [0u32; 16];
    let mut nibble = 0u32;
    while nibble < 16 {
        let mut remainder = nibble;
        let mut bit = 0;
        while bit < 4 {
            remainder = (remainder >> 1) ^ (POLYNOMIAL & (remainder & 1).wrapping_neg());
            bit += 1;
        }
        table[nibble as usize] = remainder;
        nibble += 1;
    }
    table
};

/// CRC-32 of bytes.
#[inline(never)]
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |remainder, &byte| update(remainder, byte))
}

/// CRC-32 of a tensor's bytes.
pub fn crc32_cells(cells: &[Cell<u8>]) -> u32 {
    !cells.iter().fold(u32::MAX, |remainder, cell| update(remainder, cell.get()))
}

#[inline(always)]
fn update(remainder: u32, byte: u8) -> u32 {
    let half = |remainder: u32| (remainder >> 4) ^ NIBBLES.get(remainder as usize & 15).copied().unwrap_or(0);
    half(half(remainder ^ u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut bytes = [7u8; 100];
        let expected = crc32(&bytes);
        assert_eq!(crc32_cells(Cell::from_mut(&mut bytes[..]).as_slice_of_cells()), expected);
    }
}
