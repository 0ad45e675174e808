//! CIFAR-10's binary format: a label byte, then 1024 bytes each of red, green and blue.

use super::{DataError, Layout, Loaded, Samples, file};
use std::path::PathBuf;

const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const PIXELS: usize = 3 * 32 * 32;
const RECORD: usize = 1 + PIXELS;

pub(super) fn load(files: &[PathBuf]) -> Result<Loaded, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in files {
        let bytes = file::read(path)?;
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let what = format!(
                "{} bytes are not whole records of {RECORD}: record {} is truncated, or this is not CIFAR-10's \
                 binary version",
                bytes.len(),
                bytes.len() / RECORD
            );
            return Err(DataError::format(path, what));
        }
        for (sample, record) in bytes.chunks_exact(RECORD).enumerate() {
            let label = record[0];
            if usize::from(label) >= CLASSES.len() {
                let label = i64::from(label);
                return Err(DataError::Label { path: path.clone(), sample, label, classes: CLASSES.len() });
            }
            labels.push(u32::from(label));
            pixels.extend_from_slice(&record[1..]);
        }
    }
    Ok(Loaded {
        samples: Samples::U8(pixels),
        dims: vec![3, 32, 32],
        layout: Some(Layout::Chw),
        pixels: true,
        labels,
        classes: CLASSES.map(String::from).to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{InputOptions, Part, RawSample, Spec};
    use super::*;

    fn record(label: u8) -> Vec<u8> {
        let mut bytes = vec![label];
        bytes.extend((0..PIXELS).map(|i| (i / 1024 * 50 + i % 50) as u8));
        bytes
    }

    fn spec(bytes: &[u8]) -> (tempfile::TempDir, Spec) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, bytes).unwrap();
        let spec = format!("cifar10:{}", path.display()).parse().unwrap();
        (dir, spec)
    }

    #[test]
    fn planes_become_pixels() {
        let (_dir, spec) = spec(&[record(3), record(9)].concat());
        let data = spec.load(Part::Test, &InputOptions::default()).unwrap();
        assert_eq!((data.labels.as_slice(), data.classes[3].as_str()), (&[3, 9][..], "cat"));
        let Some(RawSample::U8(pixels)) = data.raw_sample(1) else { panic!("bytes expected") };
        assert_eq!(pixels[..6], first_two());
    }

    fn first_two() -> [u8; 6] {
        let planes = &record(0)[1..];
        [planes[0], planes[1024], planes[2048], planes[1], planes[1025], planes[2049]]
    }

    #[test]
    fn bad_files() {
        let (_dir, truncated) = spec(&record(1)[..3000]);
        let message = truncated.load(Part::Test, &InputOptions::default()).unwrap_err().to_string();
        assert!(message.contains("a.bin") && message.contains("record 0 is truncated"), "{message}");
        let (_dir, label) = spec(&[record(1), record(10)].concat());
        let message = label.load(Part::Test, &InputOptions::default()).unwrap_err().to_string();
        assert!(message.contains("sample 1 has the label 10"), "{message}");
    }
}
