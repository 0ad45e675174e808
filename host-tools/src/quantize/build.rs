//! The model file with its golden vectors, META and accuracy.

use runtime::Model;
use runtime::format::Layout;

use super::{Meta, QuantizeError, golden};
use crate::data::Dataset;
use crate::file::Parts;
use crate::integer::{self, AlignedBytes, Evaluation, InputKind};
use crate::job::Job;
use crate::lower::Lowered;

/// Bytes by which META may grow between a choice of bits and the file: accuracies have up to 17 digits.
const RESERVE: u64 = 64;

/// A model file with what is known of it.
pub(super) struct Built {
    pub(super) model: AlignedBytes,
    /// Packed inputs of the golden vectors.
    pub(super) inputs: Vec<Vec<u8>>,
    pub(super) accuracy: Evaluation,
}

impl Built {
    pub(super) fn load(&self) -> Result<Model<'_>, QuantizeError> {
        Ok(Model::load(self.model.as_slice())?)
    }
}

/// The model file. Its accuracy is measured on the same steps and constants before golden vectors and META are
/// added, because META states it; `eval` measures it on the whole file.
pub(super) fn build(
    job: &Job,
    lowered: &Lowered,
    calibration: &Dataset,
    test: &Dataset,
    float: &Evaluation,
) -> Result<Built, QuantizeError> {
    // Weights in rows give the same integers, sooner on a host.
    let rows = AlignedBytes::copy(&Parts::bare(&lowered.packed(Layout::Rows)).encode()?);
    let accuracy = integer::evaluate(&Model::load(rows.as_slice())?, test, |_| {})?;
    let mut parts = Parts::bare(lowered);
    let bare = AlignedBytes::copy(&parts.encode()?);
    parts.golden = golden::vectors(&Model::load(bare.as_slice())?, calibration, job.output.golden)?;
    if !job.output.strip_meta {
        let meta = Meta::new(job, lowered, InputKind::of(calibration), test, float, &accuracy);
        parts.meta = serde_json::to_string(&meta).map_err(QuantizeError::Json)?;
    }
    let inputs = parts.golden.iter().map(|vector| vector.input.clone()).collect();
    Ok(Built { model: AlignedBytes::copy(&parts.encode()?), inputs, accuracy })
}

/// Bytes that golden vectors and META take beside the steps and constants of any choice of bits, at most.
pub(super) fn beside(
    job: &Job,
    lowered: &Lowered,
    calibration: &Dataset,
    test: &Dataset,
    float: &Evaluation,
) -> Result<u64, QuantizeError> {
    let mut parts = Parts::bare(lowered);
    let bare = AlignedBytes::copy(&parts.encode()?);
    let model = Model::load(bare.as_slice())?;
    parts.golden = golden::vectors(&model, calibration, job.output.golden)?;
    if !job.output.strip_meta {
        let meta = Meta::new(job, lowered, InputKind::of(calibration), test, float, float);
        parts.meta = serde_json::to_string(&meta).map_err(QuantizeError::Json)?;
    }
    Ok((parts.encode()?.len() - bare.as_slice().len()) as u64 + RESERVE)
}
