//! From an ONNX file to the float graph. Original node names survive, constant sub-graphs are folded,
//! NCHW becomes NHWC, and every problem of a file is reported at once.

mod attributes;
mod builder;
mod convert;
mod declared;
mod error;
mod file;
mod finish;
mod fold;
mod layout;
mod ops;
mod report;
mod tensor;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::graph::{Graph, Shape};

pub use error::{ImportErrors, Problem, Rule};
pub use layout::{Axis, Layout};
pub use report::check_report;

/// An imported network.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The float network.
    pub graph: Graph,
    /// What was folded, moved and merged.
    pub log: Vec<String>,
    /// Which axes of the graph's input the axes of the ONNX input stand for.
    pub input_layout: Layout,
    /// Which axes of the graph's output the axes of the ONNX output stand for.
    pub output_layout: Layout,
}

impl Imported {
    /// Moves one sample from the order of the ONNX input to that of the graph's, (h, w, c).
    pub fn input_from_onnx(&self, sample: &[f32]) -> Vec<f32> {
        let shape = self.graph.shape(self.graph.input);
        let mut stored = vec![0.0; shape.len()];
        for (&value, i) in sample.iter().zip(onnx_order(&self.input_layout, shape)) {
            stored[i] = value;
        }
        stored
    }

    /// Moves one sample of the graph's output to the order of the ONNX output.
    pub fn output_to_onnx(&self, stored: &[f32]) -> Vec<f32> {
        let shape = self.graph.shape(self.graph.output);
        onnx_order(&self.output_layout, shape).into_iter().filter_map(|i| stored.get(i).copied()).collect()
    }
}

/// For each element in ONNX order, its index in storage.
fn onnx_order(layout: &Layout, shape: Shape) -> Vec<usize> {
    let axes: Vec<_> = layout.0.iter().flatten().copied().collect();
    Layout::storage_order(&axes, shape)
}

/// Imports an ONNX file.
///
/// # Errors
/// Everything that is wrong with the file, in the order of the file.
pub fn import(path: &Path) -> Result<Imported, ImportErrors> {
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let fail = |problems| ImportErrors { path: path.to_path_buf(), problems };
    let bytes = std::fs::read(path).map_err(|e| fail(vec![Problem::Unreadable(e)]))?;
    import_bytes(&bytes, &folder).map_err(fail)
}

/// Imports an ONNX file that has been read; `folder` is where external data lies.
///
/// # Errors
/// Everything that is wrong with the file, in the order of the file.
pub fn import_bytes(bytes: &[u8], folder: &Path) -> Result<Imported, Vec<Problem>> {
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() };
    let model = file::decode(bytes).map_err(|e| vec![e])?;
    convert::convert(&model, &folder)
}
