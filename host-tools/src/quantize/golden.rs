//! Golden vectors: real samples with the integer executor's answer.

use runtime::Model;

use crate::data::Dataset;
use crate::file::GoldenVector;
use crate::integer::{IntegerError, encode, run_traced};

/// The first `count` samples with their outputs and CRCs.
pub(super) fn vectors(
    model: &Model,
    data: &Dataset,
    count: usize,
) -> Result<Vec<GoldenVector>, IntegerError> {
    (0..count.min(data.len()))
        .map(|i| {
            let input = encode(model, data, i)?;
            let traced = run_traced(model, &input)?;
            Ok(GoldenVector { input, output: traced.output, crcs: traced.crcs })
        })
        .collect()
}
