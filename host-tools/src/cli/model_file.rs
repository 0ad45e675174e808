//! A model file of the command line, and inputs for it.

use std::path::{Path, PathBuf};

use runtime::Model;

use super::CommandError;
use crate::data::{Dataset, Part, Pick, Spec};
use crate::graph::Shape;
use crate::integer::{AlignedBytes, InputKind, IntegerError, encode};
use crate::quantize::Meta;
use crate::verify::golden_traces;

/// The bytes of a model file.
pub(super) struct ModelFile {
    path: PathBuf,
    bytes: AlignedBytes,
}

impl ModelFile {
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let bytes =
            std::fs::read(path).map_err(|source| CommandError::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), bytes: AlignedBytes::copy(&bytes) })
    }

    pub(super) fn model(&self) -> Result<Model<'_>, CommandError> {
        Model::load(self.bytes.as_slice())
            .map_err(|source| CommandError::Model { path: self.path.clone(), source })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Golden inputs, or the first `count` samples of a data set.
    pub(super) fn inputs(&self, data: Option<&Spec>, count: usize) -> Result<Vec<Vec<u8>>, CommandError> {
        let model = self.model()?;
        let inputs = match data {
            None => golden_traces(&model).0,
            Some(spec) => {
                let data = load(&model, &spec.with(Pick::Range { from: 0, to: Some(count) }))?;
                (0..data.len()).map(|i| encode(&model, &data, i)).collect::<Result<_, _>>()?
            }
        };
        if inputs.is_empty() {
            return Err(CommandError::NoVectors { path: self.path.clone() });
        }
        Ok(inputs)
    }
}

/// A data set in the form that the model was made for.
pub(super) fn load(model: &Model, spec: &Spec) -> Result<Dataset, CommandError> {
    let [h, w, c] = model.interface().input.dims.map(usize::from);
    let meta = Meta::of(model);
    let input = meta.as_ref().map(|meta| meta.input.clone()).unwrap_or_default();
    let data = spec.load(Part::Test, &input.options(Shape::new(h, w, c)))?;
    let have = InputKind::of(&data);
    match meta.map(|meta| meta.input_kind) {
        Some(need) if need != have => Err(IntegerError::Kind { need, have }.into()),
        _ => Ok(data),
    }
}
