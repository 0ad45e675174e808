//! What can be wrong with a network file. Problems are collected, so that one run names all of them.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// One thing that keeps a file from being imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file can't be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The bytes aren't an ONNX model.
    #[error("is not an ONNX model: {0}")]
    NotOnnx(String),
    /// The file ends in the middle of a field.
    #[error("is truncated: a field needs {need} bytes from byte {at}, the file has {have}")]
    Truncated {
        /// Where the field's payload starts.
        at: usize,
        /// Length of the payload.
        need: u64,
        /// Bytes left in the file.
        have: usize,
    },
    /// The network doesn't have exactly one input.
    #[error("has {} inputs ({}), exactly one is supported", names.len(), names.join(", "))]
    Inputs {
        /// Inputs that aren't initializers.
        names: Vec<String>,
    },
    /// The network doesn't have exactly one output.
    #[error("has {} outputs ({}), exactly one is supported", names.len(), names.join(", "))]
    Outputs {
        /// Declared outputs.
        names: Vec<String>,
    },
    /// The input isn't a float tensor of up to three dimensions beside the batch.
    #[error("input {input:?}: {reason}")]
    Input {
        /// Name of the input.
        input: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A dimension other than the batch isn't fixed.
    #[error("input {input:?}: dimension {axis} ({dimension}) is not fixed")]
    DynamicShape {
        /// Name of the input.
        input: String,
        /// Index of the dimension.
        axis: usize,
        /// The symbol or value in the file.
        dimension: String,
    },
    /// A stored tensor is damaged or of an unsupported kind.
    #[error("tensor {tensor:?}: {reason}")]
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor's external data can't be loaded.
    #[error("tensor {tensor:?}: external data {location:?}: {reason}")]
    ExternalData {
        /// Name of the tensor.
        tensor: String,
        /// File beside the model that should hold the data.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A node breaks a rule.
    #[error("node {node:?} ({op}): {rule}")]
    Node {
        /// Name of the node, or of its first output where it has none.
        node: String,
        /// ONNX operator.
        op: String,
        /// The rule that it breaks.
        rule: Box<Rule>,
        /// The nearest rewrite; may be empty.
        remedy: String,
    },
}

/// The rule that a node breaks.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Rule {
    /// The operator is unknown to the importer.
    #[error("the operator is not supported")]
    Operator,
    /// An attribute has an unsupported value.
    #[error("attribute {name} = {value} is not supported{}{why}", if why.is_empty() { "" } else { ": " })]
    Attribute {
        /// Name of the attribute.
        name: String,
        /// Its value.
        value: String,
        /// Why not; may be empty.
        why: String,
    },
    /// The operator is supported, but not in this form.
    #[error("{0}")]
    Form(String),
    /// The file contradicts itself or the ONNX standard.
    #[error("the file is invalid: {0}")]
    Invalid(String),
    /// A tensor that the node reads is stored nowhere.
    #[error(
        "input {0:?} is neither an initializer, nor the network's input, nor the output of an earlier node"
    )]
    MissingTensor(String),
}

impl Problem {
    /// What the user can do about it; empty where nothing better than the message is known.
    pub fn remedy(&self) -> String {
        match self {
            Problem::NotOnnx(_) => "give the .onnx file that torch.onnx.export or tf2onnx wrote".into(),
            Problem::Truncated { .. } => "copy or download the file again".into(),
            Problem::Inputs { .. } => "split the network, or bind the other inputs to constants".into(),
            Problem::Outputs { .. } => "export the network with the one output to be deployed".into(),
            Problem::DynamicShape { .. } => "export with a fixed size (dynamic_axes only for the batch), \
                 or run onnxruntime.tools.make_dynamic_shape_fixed"
                .into(),
            Problem::ExternalData { .. } => {
                "put the data file beside the model, or save the model with its weights inside".into()
            }
            Problem::Node { remedy, .. } => remedy.clone(),
            _ => String::new(),
        }
    }
}

/// Everything that is wrong with one file.
#[derive(Debug)]
pub struct ImportErrors {
    /// The file.
    pub path: PathBuf,
    /// At least one problem, in the order of the file.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ImportErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.problems.len();
        write!(f, "{}: {n} problem{}", self.path.display(), if n == 1 { "" } else { "s" })?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
            let remedy = problem.remedy();
            if !remedy.is_empty() {
                write!(f, "\n    remedy: {remedy}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ImportErrors {}

/// A [`Rule`] on its way from an operator's conversion to the list of problems.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) rule: Rule,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn form(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { rule: Rule::Form(what.into()), remedy: remedy.into() }
    }

    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self { rule: Rule::Invalid(what.into()), remedy: "check the file with onnx.checker".into() }
    }

    pub(super) fn attribute(name: &str, value: impl fmt::Display, why: &str, remedy: &str) -> Self {
        let rule = Rule::Attribute { name: name.into(), value: value.to_string(), why: why.into() };
        Self { rule, remedy: remedy.into() }
    }
}
