//! Files of the host, read over semihosting.

use core::{cell::Cell, ffi::CStr, fmt, slice};

use semihosting::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use crate::memory::MODEL_IN_FLASH;

const NAME_BYTES: usize = 128;
const CHUNK_BYTES: usize = 256;

/// Why the arguments or files are of no use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FileError {
    Arguments,
    Name,
    OpenModel,
    OpenInputs,
    ReadModel,
    ReadInputs,
    TooLarge { need: u64, have: usize },
    RegionIsFlash,
    Partial { bytes: usize, left: usize },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments => f.write_str("arguments: want MODEL INPUTS trace|plain"),
            Self::Name => write!(f, "a file name is longer than {} bytes", NAME_BYTES - 1),
            Self::OpenModel => f.write_str("cannot open the model file"),
            Self::OpenInputs => f.write_str("cannot open the input file"),
            Self::ReadModel => f.write_str("cannot read the model file"),
            Self::ReadInputs => f.write_str("cannot read the input file"),
            Self::TooLarge { need, have } => write!(f, "model of {need} bytes, region of {have} bytes"),
            Self::RegionIsFlash => {
                f.write_str("this board's model region is flash: load the file there, say @BYTES")
            }
            Self::Partial { bytes, left } => {
                write!(f, "an input is {bytes} bytes, the input file ends after {left} bytes of one")
            }
        }
    }
}

fn open(name: &str, error: FileError) -> Result<File, FileError> {
    let mut buffer = [0; NAME_BYTES];
    let bytes = name.as_bytes();
    buffer.get_mut(..bytes.len()).ok_or(FileError::Name)?.copy_from_slice(bytes);
    let name = CStr::from_bytes_until_nul(&buffer).map_err(|_| FileError::Name)?;
    File::open(name).map_err(|_| error)
}

/// The model's bytes: read from the named file, or already in the region where `name` is `@BYTES`.
pub(crate) fn model(name: &str, region: *mut [u8]) -> Result<&'static [u8], FileError> {
    let have = region.len();
    if let Some(bytes) = name.strip_prefix('@') {
        let bytes: usize = bytes.parse().map_err(|_| FileError::Arguments)?;
        if bytes > have {
            return Err(FileError::TooLarge { need: bytes as u64, have });
        }
        // SAFETY: the region is memory of the board that no Rust object shares (boards.rs), and nobody writes it.
        return Ok(unsafe { slice::from_raw_parts(region.cast::<u8>(), bytes) });
    }
    if MODEL_IN_FLASH {
        return Err(FileError::RegionIsFlash);
    }
    let mut file = open(name, FileError::OpenModel)?;
    let need = file.metadata().map_err(|_| FileError::ReadModel)?.len();
    let bytes = usize::try_from(need).ok().filter(|&bytes| bytes <= have);
    let bytes = bytes.ok_or(FileError::TooLarge { need, have })?;
    // SAFETY: as above, the region is RAM, and this is the only reference to it.
    let buffer = unsafe { slice::from_raw_parts_mut(region.cast::<u8>(), bytes) };
    file.read_exact(buffer).map_err(|_| FileError::ReadModel)?;
    Ok(buffer)
}

/// A file of input tensors back to back.
pub(crate) struct Inputs {
    file: File,
    left: usize,
}

impl Inputs {
    /// Opens the file.
    pub(crate) fn open(name: &str) -> Result<Self, FileError> {
        let mut file = open(name, FileError::OpenInputs)?;
        let left = file.metadata().map_err(|_| FileError::ReadInputs)?.len() as usize;
        file.seek(SeekFrom::Start(0)).map_err(|_| FileError::ReadInputs)?;
        Ok(Self { file, left })
    }

    /// Fills `input` with the next tensor; false where the file is at its end.
    pub(crate) fn next(&mut self, input: &[Cell<u8>]) -> Result<bool, FileError> {
        if self.left == 0 || input.is_empty() {
            return Ok(false);
        }
        if self.left < input.len() {
            return Err(FileError::Partial { bytes: input.len(), left: self.left });
        }
        let mut buffer = [0; CHUNK_BYTES];
        for cells in input.chunks(CHUNK_BYTES) {
            let chunk = buffer.get_mut(..cells.len()).ok_or(FileError::ReadInputs)?;
            self.file.read_exact(chunk).map_err(|_| FileError::ReadInputs)?;
            cells.iter().zip(chunk).for_each(|(cell, byte)| cell.set(*byte));
        }
        self.left -= input.len();
        Ok(true)
    }
}
