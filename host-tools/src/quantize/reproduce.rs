//! Where a model file comes from: the job, and what went into it as hashes.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Meta, QuantizeError};
use crate::data::{Dataset, Samples};
use crate::job::Job;
use crate::report::{Hash, Reproduce};

/// What is needed to run the job again and to compare: the bytes of the model file are those that are written.
pub(super) fn reproduce(
    job: &Job,
    model: &[u8],
    calibration: &Dataset,
    test: &Dataset,
) -> Result<Reproduce, QuantizeError> {
    let read = |source| QuantizeError::Read { path: job.model.clone(), source };
    let network = std::fs::read(&job.model).map_err(read)?;
    let file_name = job.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash = |name: &str, digest: Sha256| Hash { name: name.to_owned(), sha256: hexadecimal(digest) };
    Ok(Reproduce {
        command: "cargo xtask quantize job.toml".into(),
        made_by: Meta::MADE_BY.into(),
        seed: job.seed,
        job: job.to_toml(&job.output.dir)?,
        hashes: vec![
            hash(&file_name, Sha256::new_with_prefix(network)),
            hash("calibration samples", samples(calibration)),
            hash("test samples", samples(test)),
            hash("model.hawk", Sha256::new_with_prefix(model)),
        ],
    })
}

/// Every sample as it is stored, in the order of the indices, then every label as four bytes; little endian.
fn samples(data: &Dataset) -> Sha256 {
    let mut digest = Sha256::new();
    let length = data.shape.len();
    for i in 0..data.len() {
        let start = data.stored(i) * length;
        match &data.samples {
            Samples::U8(all) => digest.update(&all[start..start + length]),
            Samples::I8(all) => digest.update(bytemuck::cast_slice(&all[start..start + length])),
            Samples::F32(all) => {
                all[start..start + length].iter().for_each(|value| digest.update(value.to_le_bytes()));
            }
        }
    }
    data.labels.iter().for_each(|label| digest.update(label.to_le_bytes()));
    digest
}

fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
