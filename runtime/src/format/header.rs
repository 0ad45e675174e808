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
        let magic = bytes.first_chunk::<4>().ok_or(short)?;
        if *magic != MAGIC {
            return Err(LoadError::InvalidMagic);
        }
        let versions = word(bytes, 4).ok_or(short)?;
        let (found, need) = (versions as u16, (versions >> 16) as u16);
        if found != FORMAT_VERSION {
            return Err(LoadError::UnsupportedVersion { found });
        }
        if need > RUNTIME_VERSION {
            return Err(LoadError::UnsupportedRuntime { need });
        }
        let length = word(bytes, 8).ok_or(short)?;
        let truncated = LoadError::InvalidLength { need: length, have };
        let file = bytes.get(..length as usize).ok_or(truncated)?;
        let stated = word(file, 12).ok_or(truncated)?;
        let computed = crc32(file.get(CRC_START..).ok_or(truncated)?);
        if stated != computed {
            return Err(LoadError::InvalidCrc { stated, computed });
        }
        let sections = word(file, CRC_START).ok_or(truncated)?;
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
        for entry in 0..self.sections as usize {
            let at = HEADER_BYTES + entry * SECTION_BYTES;
            let field = |i: usize| word(self.file, at + 4 * i).ok_or(invalid);
            if field(0)? == kind as u32 {
                let (start, length) = (field(1)? as usize, field(2)? as usize);
                let end = start.checked_add(length).ok_or(invalid)?;
                let align = if kind == SectionKind::Const { 16 } else { 4 };
                if start & (align - 1) != 0 {
                    return Err(invalid);
                }
                return self.file.get(start..end).map(Some).ok_or(invalid);
            }
        }
        Ok(None)
    }
}

/// Little-endian word at a byte offset.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_le_bytes(*b))
}
