//! Files appear whole or not at all: written beside, then renamed.

use std::io::Write;
use std::path::Path;

use super::QuantizeError;

/// Writes a file and the folders above it.
///
/// # Errors
/// [`QuantizeError::Write`]; an older file of the name then stays.
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), QuantizeError> {
    let error = |source| QuantizeError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(error)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    Ok(())
}
