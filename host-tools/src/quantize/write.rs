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
    let mut file = public(&mut tempfile::Builder::new()).tempfile_in(folder).map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    Ok(())
}

/// Temporary files are for their owner alone; a result is for whoever the umask lets read it.
#[cfg(unix)]
fn public<'b, 'p, 's>(builder: &'b mut tempfile::Builder<'p, 's>) -> &'b mut tempfile::Builder<'p, 's> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn public<'b, 'p, 's>(builder: &'b mut tempfile::Builder<'p, 's>) -> &'b mut tempfile::Builder<'p, 's> {
    builder
}
