//! CRC-32 (ISO-HDLC, as in zip and Ethernet) of a file or of a step's output: four bytes that find the first
//! step where two targets differ.

use core::cell::Cell;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Bytes that are copied out of cells at a time.
const CHUNK: usize = 32;

/// CRC-32 of bytes.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// CRC-32 of a tensor's bytes.
pub fn crc32_cells(cells: &[Cell<u8>]) -> u32 {
    let mut digest = CRC.digest();
    for chunk in cells.chunks(CHUNK) {
        let mut copy = [0u8; CHUNK];
        for (byte, cell) in copy.iter_mut().zip(chunk) {
            *byte = cell.get();
        }
        digest.update(copy.get(..chunk.len()).unwrap_or(&[]));
    }
    digest.finalize()
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
