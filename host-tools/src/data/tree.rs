//! A folder per class.

use super::{DataError, file};
use std::path::{Path, PathBuf};

/// Classes and files of such a folder, both sorted by name.
pub(super) struct Tree {
    pub(super) classes: Vec<String>,
    /// Class and path.
    pub(super) files: Vec<(u32, PathBuf)>,
}

/// Whether a file's name ends with one of `extensions`, in either case.
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)))
}

/// Lists the files with one of `extensions`.
pub(super) fn list(dir: &Path, extensions: &[&str]) -> Result<Tree, DataError> {
    let (mut classes, mut files) = (Vec::new(), Vec::new());
    for folder in file::list(dir)?.into_iter().filter(|path| path.is_dir()) {
        let label = classes.len() as u32;
        files.extend(
            file::list(&folder)?.into_iter().filter(|p| has_extension(p, extensions)).map(|p| (label, p)),
        );
        classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    if files.is_empty() {
        let what = format!("no class folders with files of {} in it", extensions.join(", "));
        return Err(DataError::format(dir, what));
    }
    Ok(Tree { classes, files })
}
