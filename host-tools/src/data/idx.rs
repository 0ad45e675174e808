//! MNIST's IDX format: images and labels of both parts in one folder, plain or .gz.

use super::{DataError, Loaded, Part, Samples, file, numbered_classes};
use std::path::{Path, PathBuf};

pub(super) fn load(dir: &Path, part: Part) -> Result<Loaded, DataError> {
    let images = find(dir, part, "images", 3)?;
    let labels_path = find(dir, part, "labels", 1)?;
    let (dims, pixels) = read(&images)?;
    let Some((&n, dims)) = dims.split_first().filter(|(_, dims)| !dims.is_empty()) else {
        return Err(DataError::format(&images, "images need at least two dimensions"));
    };
    let (label_dims, labels) = read(&labels_path)?;
    if label_dims.len() != 1 {
        return Err(DataError::format(&labels_path, "labels must have one dimension"));
    }
    if labels.len() != n {
        return Err(DataError::Count { features: images, samples: n, labels_path, labels: labels.len() });
    }
    let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
    Ok(Loaded {
        samples: Samples::U8(pixels),
        dims: dims.to_vec(),
        layout: None,
        pixels: true,
        classes: numbered_classes(&labels),
        labels,
    })
}

/// The file under any of its usual names.
fn find(dir: &Path, part: Part, what: &str, dims: u8) -> Result<PathBuf, DataError> {
    let prefixes: &[&str] = match part {
        Part::Train => &["train"],
        Part::Test => &["t10k", "test"],
    };
    let names = prefixes
        .iter()
        .flat_map(|prefix| ["-", "."].map(|dot| format!("{prefix}-{what}{dot}idx{dims}-ubyte")));
    let names: Vec<String> = names.collect();
    let paths = names.iter().flat_map(|name| [dir.join(name), dir.join(format!("{name}.gz"))]);
    match paths.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => Err(DataError::format(dir, format!("the folder has no file {0} or {0}.gz", names[0]))),
    }
}

fn read(path: &Path) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let bytes = file::read(path)?;
    let truncated = || DataError::format(path, "the IDX header is truncated");
    let [0, 0, kind, count, rest @ ..] = bytes.as_slice() else {
        return Err(DataError::format(path, "not an IDX file (it must begin with two zero bytes)"));
    };
    if *kind != 8 {
        return Err(DataError::format(
            path,
            format!("IDX element type {kind:#04x}; only unsigned bytes (0x08) are read"),
        ));
    }
    let (header, data) = rest.split_at_checked(usize::from(*count) * 4).ok_or_else(truncated)?;
    let dims: Vec<usize> =
        header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(data.len()) {
        let what = format!("{} bytes of elements for dimensions {dims:?}: truncated?", data.len());
        return Err(DataError::format(path, what));
    }
    Ok((dims, data.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::super::{InputOptions, Spec};
    use super::*;
    use std::io::Write;

    fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn load_from(dir: &Path, part: Part) -> Result<super::super::Dataset, DataError> {
        format!("idx:{}", dir.display()).parse::<Spec>()?.load(part, &InputOptions::default())
    }

    #[test]
    fn both_parts_plain_and_compressed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("train-images-idx3-ubyte"), idx(&[2, 1, 2], &[1, 2, 3, 4])).unwrap();
        std::fs::write(path("train-labels-idx1-ubyte"), idx(&[2], &[7, 0])).unwrap();
        for (name, bytes) in [("images-idx3", idx(&[1, 1, 2], &[9, 8])), ("labels-idx1", idx(&[1], &[4]))] {
            let file = std::fs::File::create(path(&format!("t10k-{name}-ubyte.gz"))).unwrap();
            let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gz.write_all(&bytes).unwrap();
            gz.finish().unwrap();
        }
        let train = load_from(dir.path(), Part::Train).unwrap();
        assert_eq!((train.labels.as_slice(), train.classes.len()), (&[7, 0][..], 8));
        let test = load_from(dir.path(), Part::Test).unwrap();
        assert_eq!((test.samples, test.labels), (Samples::U8(vec![9, 8]), vec![4]));
    }

    #[test]
    fn bad_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let check = |part: &str| {
            let message = load_from(dir.path(), Part::Train).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        check("train-images-idx3-ubyte.gz");
        let images = dir.path().join("train-images-idx3-ubyte");
        std::fs::write(dir.path().join("train-labels-idx1-ubyte"), idx(&[3], &[0, 1, 2])).unwrap();
        std::fs::write(&images, idx(&[2, 1, 2], &[1, 2, 3, 4])).unwrap();
        check("has 2 samples");
        std::fs::write(&images, idx(&[u32::MAX, u32::MAX, u32::MAX], &[1])).unwrap();
        check("truncated");
        std::fs::write(&images, [0, 0, 8, 3, 0]).unwrap();
        check("header is truncated");
        std::fs::write(&images, b"PNG!").unwrap();
        check("not an IDX file");
        std::fs::write(&images, [0, 0, 0x0d, 1]).unwrap();
        check("element type 0x0d");
    }
}
