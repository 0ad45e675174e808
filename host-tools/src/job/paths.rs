//! Paths relative to a folder, so that a written job can be moved together with what it names.

use std::path::{Component, Path, PathBuf};

/// `path` as seen from the folder `dir`; absolute where there is no such way.
pub(super) fn relative(path: &Path, dir: &Path) -> PathBuf {
    let (path, dir) = (plain(path), plain(dir));
    let common = path.components().zip(dir.components()).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return path;
    }
    let up = dir.components().skip(common).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(common)).collect();
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}

/// Absolute, without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_between_folders() {
        let way = |path: &str, dir: &str| relative(Path::new(path), Path::new(dir)).display().to_string();
        assert_eq!(way("/a/b/c.onnx", "/a/out/x"), "../../b/c.onnx");
        assert_eq!(way("/a/out/x", "/a/out/x"), ".");
        assert_eq!(way("/a/h/../b", "/a/q/../out"), "../b");
        assert_eq!(way("b", "out"), "../b");
    }
}
