//! NumPy arrays. The header is read here because the crates for it overflow on a hostile shape.

use super::{DataError, Loaded, Samples, file, numbered_classes};
use std::path::Path;

/// An array as it is in the file.
struct Array {
    dims: Vec<usize>,
    kind: String,
    big_endian: bool,
    data: Vec<u8>,
}

pub(super) fn load(features: &Path, labels: &Path) -> Result<Loaded, DataError> {
    let array = read(features)?;
    let Some((&n, dims)) = array.dims.split_first().filter(|(_, dims)| !dims.is_empty()) else {
        return Err(DataError::format(features, "features need at least two dimensions, [samples, ...]"));
    };
    let dims = dims.to_vec();
    let found = read_labels(labels)?;
    if found.len() != n {
        let (features, labels_path) = (features.to_path_buf(), labels.to_path_buf());
        return Err(DataError::Count { features, samples: n, labels_path, labels: found.len() });
    }
    let pixels = array.kind == "u1";
    let samples = match array.kind.as_str() {
        "u1" => Samples::U8(array.data),
        "i1" => Samples::I8(array.data.iter().map(|&b| b as i8).collect()),
        _ => Samples::F32(array.numbers(features)?.into_iter().map(|v| v as f32).collect()),
    };
    let classes = numbered_classes(&found);
    Ok(Loaded { samples, dims, layout: None, pixels, labels: found, classes })
}

fn read_labels(path: &Path) -> Result<Vec<u32>, DataError> {
    let array = read(path)?;
    if array.dims.iter().filter(|&&d| d != 1).count() > 1 {
        return Err(DataError::format(path, "labels must be one number per sample, not one-hot"));
    }
    let numbers = array.numbers(path)?;
    let label = |(sample, &value): (usize, &f64)| {
        if value.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&value) {
            return Ok(value as u32);
        }
        Err(DataError::format(path, format!("sample {sample}: {value} is not a class number from 0 up")))
    };
    numbers.iter().enumerate().map(label).collect()
}

impl Array {
    /// The elements as numbers.
    fn numbers(&self, path: &Path) -> Result<Vec<f64>, DataError> {
        macro_rules! numbers {
            ($ty:ty) => {
                self.data
                    .chunks_exact(size_of::<$ty>())
                    .map(|bytes| {
                        let mut own = [0; size_of::<$ty>()];
                        own.copy_from_slice(bytes);
                        let value = if self.big_endian {
                            <$ty>::from_be_bytes(own)
                        } else {
                            <$ty>::from_le_bytes(own)
                        };
                        value as f64
                    })
                    .collect()
            };
        }
        Ok(match self.kind.as_str() {
            "u1" | "b1" => numbers!(u8),
            "i1" => numbers!(i8),
            "u2" => numbers!(u16),
            "i2" => numbers!(i16),
            "u4" => numbers!(u32),
            "i4" => numbers!(i32),
            "u8" => numbers!(u64),
            "i8" => numbers!(i64),
            "f4" => numbers!(f32),
            "f8" => numbers!(f64),
            other => {
                let what = format!("elements of type `{other}` are not read; save as uint8, int8 or float32");
                return Err(DataError::format(path, what));
            }
        })
    }
}

fn read(path: &Path) -> Result<Array, DataError> {
    let bytes = file::read(path)?;
    let bad = |what: &str| DataError::format(path, what);
    let short = || bad("the header of the NumPy array is truncated");
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| bad("not a NumPy array (.npy)"))?;
    let version = *rest.first().ok_or_else(short)?;
    let (length, header_at): (usize, usize) = match (version, rest.get(2..)) {
        (1, Some([a, b, ..])) => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        (2 | 3, Some([a, b, c, d, ..])) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        (1..=3, _) => return Err(short()),
        _ => return Err(bad("an unknown version of the NumPy format")),
    };
    let end = header_at.saturating_add(length);
    let header = std::str::from_utf8(rest.get(header_at..end).ok_or_else(short)?).map_err(|_| short())?;
    let data = &rest[end..];
    let entry = |key: &str| {
        let after = header.split_once(&format!("'{key}'"))?.1.trim_start().strip_prefix(':')?;
        Some(after.trim_start())
    };
    let descr = entry("descr").and_then(|v| v.strip_prefix('\'')?.split('\'').next());
    let (order, kind) = descr
        .and_then(|d| d.split_at_checked(1))
        .ok_or_else(|| bad("the header of the NumPy array has no simple element type"))?;
    if !entry("fortran_order").is_some_and(|v| v.starts_with("False")) {
        return Err(bad("the array is in Fortran order; save it with numpy.ascontiguousarray"));
    }
    let dims: Option<Vec<usize>> =
        entry("shape").and_then(|v| v.strip_prefix('(')?.split(')').next()).and_then(|v| {
            v.split(',').map(str::trim).filter(|d| !d.is_empty()).map(|d| d.parse().ok()).collect()
        });
    let dims = dims.ok_or_else(|| bad("the header of the NumPy array has no shape"))?;
    let size = kind.get(1..).and_then(|s| s.parse::<usize>().ok()).unwrap_or(0);
    let want = dims.iter().try_fold(size, |n, &d| n.checked_mul(d));
    if size == 0 || want != Some(data.len()) {
        let what =
            format!("{} bytes of elements for shape {dims:?} of type `{kind}`: truncated?", data.len());
        return Err(DataError::format(path, what));
    }
    Ok(Array { dims, kind: kind.to_string(), big_endian: order == ">", data: data.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::super::{InputOptions, Part, Spec};
    use super::*;
    use crate::graph::Shape;

    fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn load(
        features: &[u8],
        labels: &[u8],
        input: &InputOptions,
    ) -> Result<super::super::Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.npy"), features).unwrap();
        std::fs::write(dir.path().join("y.npy"), labels).unwrap();
        let mut spec: Spec = "npy:x.npy,y.npy".parse().unwrap();
        spec.resolve(dir.path());
        spec.load(Part::Test, input)
    }

    #[test]
    fn quantised_features_keep_their_integers() {
        let x = npy("|i1", "2, 2, 3", &[0x80, 0, 1, 2, 3, 0x7f, 83, 84, 85, 0xff, 1, 1]);
        let y = npy("<i8", "2,", &[[1u64.to_le_bytes(), 0u64.to_le_bytes()].concat()].concat());
        let shape = Some(Shape::new(2, 3, 1));
        let data =
            load(&x, &y, &InputOptions { shape, scale: Some(0.5), zero: Some(83.0), ..Default::default() })
                .unwrap();
        assert_eq!(data.labels, [1, 0]);
        let mut real = [0.0; 6];
        data.real(1, &mut real);
        assert_eq!(real, [0.0, 0.5, 1.0, -42.0, -41.0, -41.0]);
        let raw = data.raw().unwrap();
        assert_eq!((raw.scale, raw.zero), (vec![0.5], vec![83.0]));
    }

    #[test]
    fn floats_of_either_byte_order() {
        let values = [0.5f32, -2.0];
        let y = npy("|u1", "1,", &[0]);
        for (descr, bytes) in [("<f4", values.map(f32::to_le_bytes)), (">f4", values.map(f32::to_be_bytes))] {
            let data = load(&npy(descr, "1, 2", &bytes.concat()), &y, &InputOptions::default()).unwrap();
            assert_eq!(data.samples, Samples::F32(values.to_vec()));
            assert!(data.raw().is_none() && data.raw_sample(0).is_none());
        }
    }

    #[test]
    fn bad_files_are_errors() {
        let (x, y) = (npy("|u1", "2, 2", &[1, 2, 3, 4]), npy("|u1", "2,", &[0, 1]));
        let check = |x: &[u8], y: &[u8], part: &str| {
            let message = load(x, y, &InputOptions::default()).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        check(&x, &npy("|u1", "3,", &[0, 1, 0]), "3 labels");
        check(&x, &npy("<f4", "2,", &[0.5f32.to_le_bytes(), 1f32.to_le_bytes()].concat()), "sample 0: 0.5");
        check(&x, &npy("|i1", "2,", &[0, 0xff]), "sample 1: -1");
        check(&x, &npy("|u1", "2, 2", &[0, 1, 1, 0]), "one-hot");
        check(
            &npy("<f4", "2, 1", &[1f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat()),
            &y,
            "sample 1 has a value",
        );
        check(b"PNG", &y, "not a NumPy array");
        check(&npy("|u1", "2, 18446744073709551615, 9", &[1]), &y, "truncated");
        check(&npy("<c8", "1, 1", &[0; 8]), &npy("|u1", "1,", &[0]), "`c8`");
        check(&npy("|u1", "2,", &[0, 1]), &y, "two dimensions");
        for cut in 0..x.len() {
            assert!(load(&x[..cut], &y, &InputOptions::default()).is_err());
        }
    }
}
