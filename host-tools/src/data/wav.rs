//! Recordings in a folder per class: samples in -1..1, one row of `1 x time x channels`.
//! Shorter recordings are filled up with silence at the end.

use super::tree::{self, Tree};
use super::{DataError, Layout, Loaded, Samples};
use std::path::Path;

/// Recordings of which only the names are known.
pub(super) struct Clips(Tree);

pub(super) fn open(dir: &Path) -> Result<Clips, DataError> {
    tree::list(dir, &["wav"]).map(Clips)
}

impl Clips {
    pub(super) fn len(&self) -> usize {
        self.0.files.len()
    }

    /// Reads the recordings at `indices`.
    pub(super) fn read(self, indices: &[usize]) -> Result<Loaded, DataError> {
        let tree = self.0;
        let (mut clips, mut labels, mut first) = (Vec::new(), Vec::new(), None);
        for &index in indices {
            let (label, path) = &tree.files[index];
            let bad = |what: String| DataError::format(path, what);
            let mut reader = hound::WavReader::open(path).map_err(|error| bad(error.to_string()))?;
            let spec = reader.spec();
            let form = (spec.sample_rate, spec.channels);
            let (rate, channels) = *first.get_or_insert(form);
            if form != (rate, channels) || channels == 0 {
                let what = format!(
                    "{} Hz, {} channels where the first recording has {rate} Hz, {channels}; convert them alike",
                    form.0, form.1
                );
                return Err(bad(what));
            }
            let clip: Result<Vec<f32>, hound::Error> = match (spec.sample_format, spec.bits_per_sample) {
                (hound::SampleFormat::Float, _) => reader.samples::<f32>().collect(),
                (hound::SampleFormat::Int, bits) => {
                    let scale = 2f64.powi(1 - i32::from(bits)) as f32;
                    reader.samples::<i32>().map(|s| s.map(|s| s as f32 * scale)).collect()
                }
            };
            let clip = clip.map_err(|error| bad(error.to_string()))?;
            if clip.len() % usize::from(channels) != 0 {
                return Err(bad(format!(
                    "{} samples are not whole frames of {channels} channels",
                    clip.len()
                )));
            }
            clips.push(clip);
            labels.push(*label);
        }
        let channels = first.map_or(1, |(_, channels)| usize::from(channels));
        let len = clips.iter().map(Vec::len).max().unwrap_or(0);
        let mut all = Vec::with_capacity(len * clips.len());
        for clip in &clips {
            all.extend_from_slice(clip);
            all.resize(all.len() + len - clip.len(), 0.0);
        }
        Ok(Loaded {
            samples: Samples::F32(all),
            dims: vec![1, len / channels, channels],
            layout: Some(Layout::Hwc),
            pixels: false,
            labels,
            classes: tree.classes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, InputOptions, Part, Spec};
    use super::*;
    use crate::graph::Shape;

    fn write(path: &Path, rate: u32, samples: &[i16]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        samples.iter().for_each(|&s| writer.write_sample(s).unwrap());
        writer.finalize().unwrap();
    }

    fn load_dir(dir: &Path) -> Result<Dataset, DataError> {
        format!("wav:{}", dir.display()).parse::<Spec>()?.load(Part::Test, &InputOptions::default())
    }

    #[test]
    fn clips_become_rows_of_one_length() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("yes/a.wav"), 16000, &[i16::MIN, 16384]);
        write(&dir.path().join("no/a.wav"), 16000, &[0, 8192, 1]);
        let data = load_dir(dir.path()).unwrap();
        assert_eq!(data.shape, Shape::new(1, 3, 1));
        assert_eq!((data.classes, data.labels), (vec!["no".to_string(), "yes".to_string()], vec![0, 1]));
        assert_eq!(data.samples, Samples::F32(vec![0.0, 0.25, 1.0 / 32768.0, -1.0, 0.5, 0.0]));
    }

    #[test]
    fn bad_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a/1.wav"), 16000, &[1, 2]);
        write(&dir.path().join("a/2.wav"), 8000, &[1, 2]);
        assert!(load_dir(dir.path()).unwrap_err().to_string().contains("2.wav: 8000 Hz"));
        let bytes = std::fs::read(dir.path().join("a/1.wav")).unwrap();
        for cut in 0..bytes.len() {
            std::fs::write(dir.path().join("a/2.wav"), &bytes[..cut]).unwrap();
            assert!(load_dir(dir.path()).unwrap_err().to_string().contains("2.wav"), "{cut}");
        }
    }
}
