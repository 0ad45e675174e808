//! Any unary function of an 8- or 4-bit tensor, as a table.

use super::check_entries;
use crate::{Dtype, KernelError, TensorSpec};

/// `y = table[x]`: 256 entries, the first for -128, of an 8-bit operand; 16 entries of a 4-bit one. Entries
/// are bytes of the result's type. The result may be written over the operand
/// ([`super::elementwise`]).
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Result for each operand value.
    pub entries: &'a [u8],
}

impl Table<'_> {
    /// Checks shapes, types and the table's length.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(&self, x: &TensorSpec, y: &TensorSpec) -> Result<(), KernelError> {
        x.check()?;
        y.check()?;
        if x.dims != y.dims {
            return Err(KernelError::InvalidShape);
        }
        let need = match x.dtype {
            Dtype::U4 => 16,
            Dtype::I8 => 256,
            Dtype::I16 => return Err(KernelError::UnsupportedType),
        };
        if y.dtype == Dtype::I16 {
            return Err(KernelError::UnsupportedType);
        }
        check_entries(self.entries.len(), need)
    }
}
