//! Reading whole files, compressed ones too.

use super::DataError;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The content of a file; a .gz is unpacked.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let wrong = |source| DataError::Read { path: path.to_path_buf(), source };
    let bytes = std::fs::read(path).map_err(wrong)?;
    if path.extension().is_none_or(|e| e != "gz") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).map_err(wrong)?;
    Ok(unpacked)
}

/// What a folder holds, sorted by name, without hidden files.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let wrong = |source| DataError::Read { path: dir.to_path_buf(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
