//! What the end-to-end tests share: real networks and data, where a checkout has them, the model files made of
//! them, and float networks built in code.
//!
//! - [`networks`]: digits, keyword spotting, ResNet8 and ResNet20, quantised once per scheme and process.
//! - [`float_net`]: small networks of random constants on a grid.
//! - [`error_bound`]: how far the integers may lie from the float network.
//! - [`damage`]: model files with wrong bytes and a right CRC.
//! - [`browser`]: a page as Chromium shows it.
//! - [`random`]: reproducible numbers.
//! - [`training`]: training's forward pass beside the runtime.

use std::path::PathBuf;

pub mod browser;
pub mod damage;
pub mod error_bound;
pub mod float_net;
pub mod networks;
pub mod random;
pub mod training;

/// A file or folder of the data beside the repository; `None`, with a line that says so, where it is
/// absent.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !data.is_dir() {
        println!("skipped: no ../shared/data");
        return None;
    }
    Some(data.join(name))
}

/// Images of a CIFAR-10 binary file: labels, and pixels 0 to 255 as planes `[n, 3, 32, 32]`.
pub fn cifar10(name: &str) -> Option<(Vec<u8>, Vec<f32>)> {
    let bytes = std::fs::read(shared_data(name)?).ok()?;
    let records = bytes.chunks_exact(1 + 3 * 32 * 32);
    let pixels = records.clone().flat_map(|r| r[1..].iter().map(|&v| f32::from(v)));
    Some((records.clone().map(|r| r[0]).collect(), pixels.collect()))
}

/// Speech features of the MLPerf Tiny keyword spotting set as real numbers, `[n, 49, 10]`.
pub fn kws_features() -> Option<Vec<f32>> {
    let bytes = std::fs::read(shared_data("kws/features_int8.npy")?).ok()?;
    // The set's scale and zero point.
    let real = |&v: &u8| 0.584_702_9 * (f32::from(v as i8) - 83.0);
    Some(npy_payload(&bytes)?.iter().map(real).collect())
}

/// Labels of [`kws_features`].
pub fn kws_labels() -> Option<Vec<u8>> {
    let bytes = std::fs::read(shared_data("kws/labels.npy")?).ok()?;
    Some(npy_payload(&bytes)?.to_vec())
}

/// The elements behind the header of a version 1 NPY file.
fn npy_payload(bytes: &[u8]) -> Option<&[u8]> {
    let header = usize::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?]));
    bytes.get(10 + header..)
}
