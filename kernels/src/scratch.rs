//! Scratch of a kernel: as many bytes as its operator asks for, or the error that says how many there were.

use core::cell::Cell;

use crate::KernelError;

/// The first `need` bytes.
///
/// # Errors
/// [`KernelError::InvalidScratch`] where there are fewer.
pub(crate) fn take(scratch: &[Cell<u8>], need: usize) -> Result<&[Cell<u8>], KernelError> {
    scratch.get(..need).ok_or(small(scratch, need))
}

/// What is wrong with scratch that does not hold `need` bytes.
pub(crate) fn small(scratch: &[Cell<u8>], need: usize) -> KernelError {
    KernelError::InvalidScratch { need: need as u32, have: scratch.len() as u32 }
}
