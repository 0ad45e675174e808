//! Header and section table: fixed-size little-endian fields.
//!
//! | offset | field |
//! |--|--|
//! | 0 | magic `HAWK` |
//! | 4 | u16 format version, u16 minimum runtime version |
//! | 8 | u32 total length in bytes |
//! | 12 | u32 CRC-32 (ISO-HDLC) of the bytes from 16 to the total length |
//! | 16 | u32 number of sections, then (u32 kind, u32 offset, u32 length) each |

use crate::trace::crc32;
use crate::{FORMAT_VERSION, LoadError, RUNTIME_VERSION};

/// First bytes of a model file.
pub const MAGIC: [u8; 4] = *b"HAWK";
/// Bytes before the section table.
pub const HEADER_BYTES: usize = 20;
/// Bytes of an entry of the section table.
pub const SECTION_BYTES: usize = 12;
/// Most sections of a file.
pub const MAX_SECTIONS: u32 = 16;

/// First byte that the CRC covers.
const CRC_START: usize = 16;

/// Kinds of sections. A reader passes over kinds that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SectionKind {
    /// Tensors and steps, postcard.
    Graph = 1,
    /// Weights, biases, multipliers, tables, raw; starts on a multiple of 16.
    Const = 2,
    /// Golden vectors; starts on a multiple of 4.
    Golden = 3,
    /// JSON for people; may be missing.
    Meta = 4,
}

/// A checked header: lengths, CRC and section bounds hold.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    file: &'a [u8],
    sections: u32,
}

impl<'a> Header<'a> {
    /// Checks the header of `bytes`; bytes behind the stated length are ignored.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LoadError> {
        let have = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let short = LoadError::InvalidLength { need: HEADER_BYTES as u32, have };
        let head = bytes.first_chunk::<HEADER_BYTES>().ok_or(short)?;
        let [magic, versions, length, stated, sections] = words(head);
        if magic != u32::from_le_bytes(MAGIC) {
            return Err(LoadError::InvalidMagic);
        }
        let (found, need) = (versions as u16, (versions >> 16) as u16);
        if found != FORMAT_VERSION {
            return Err(LoadError::UnsupportedVersion { found });
        }
        if need > RUNTIME_VERSION {
            return Err(LoadError::UnsupportedRuntime { need });
        }
        let truncated = LoadError::InvalidLength { need: length, have };
        let file = bytes.get(..length as usize).ok_or(truncated)?;
        let (_, covered) = file.split_at_checked(CRC_START).ok_or(truncated)?;
        if covered.len() < HEADER_BYTES - CRC_START {
            return Err(truncated);
        }
        let computed = crc32(covered);
        if stated != computed {
            return Err(LoadError::InvalidCrc { stated, computed });
        }
        if sections > MAX_SECTIONS {
            return Err(LoadError::InvalidSection { kind: 0 });
        }
        Ok(Self { file, sections })
    }

    /// Bytes of the file.
    pub fn file(&self) -> &'a [u8] {
        self.file
    }

    /// Bytes of the first section of a kind; `None` when there is none.
    ///
    /// # Errors
    /// [`LoadError::InvalidSection`] when it lies outside the file.
    pub fn section(&self, kind: SectionKind) -> Result<Option<&'a [u8]>, LoadError> {
        let invalid = LoadError::InvalidSection { kind: kind as u32 };
        let mut table = self.file.get(HEADER_BYTES..).unwrap_or(&[]);
        for _ in 0..self.sections {
            let (entry, behind) = table.split_first_chunk::<SECTION_BYTES>().ok_or(invalid)?;
            table = behind;
            let [found, start, length] = words(entry);
            if found == kind as u32 {
                let align = if kind == SectionKind::Const { 16 } else { 4 };
                let end = start.checked_add(length).filter(|_| start & (align - 1) == 0).ok_or(invalid)?;
                return self.file.get(start as usize..end as usize).map(Some).ok_or(invalid);
            }
        }
        Ok(None)
    }

    /// The same of a section that every file has.
    ///
    /// # Errors
    /// [`LoadError::InvalidSection`] when it has not, or it lies outside the file.
    pub fn required(&self, kind: SectionKind) -> Result<&'a [u8], LoadError> {
        self.section(kind)?.ok_or(LoadError::InvalidSection { kind: kind as u32 })
    }
}

/// The first little-endian words of bytes; 0 where they end.
#[inline(always)]
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let (words, _) = bytes.as_chunks();
    core::array::from_fn(|i| words.get(i).map_or(0, |word| u32::from_le_bytes(*word)))
}
