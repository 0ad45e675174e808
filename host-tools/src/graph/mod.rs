//! The float network as every later stage sees it: NHWC, batch-free shapes, original ONNX names.
//! Import builds it; calibration executes it; lowering turns it into integer steps.

mod cost;
mod execute;
mod geometry;
mod op;
mod shape;

pub use execute::{ExecuteError, Executor};
pub use op::{Activation, BatchNorm, ChannelAffine, Conv, Dense, Op, Padding, Pool, PoolKind, Window};
pub use shape::Shape;

/// Index into [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub usize);

/// A tensor that flows between nodes. Constants are inside the operators.
#[derive(Clone, Debug)]
pub struct Value {
    /// Name in the ONNX file.
    pub name: String,
    /// Height, width, channels of one sample.
    pub shape: Shape,
}

/// One operator application.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name in the ONNX file (or the name of its first output where the node has none).
    pub name: String,
    /// Operator with its constants.
    pub op: Op,
    /// Operands, in the operator's order.
    pub inputs: Vec<ValueId>,
    /// Result.
    pub output: ValueId,
}

/// A float network with one input and one output. `nodes` are in execution order, every value is
/// written by at most one node, and the input by none.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Name for people.
    pub name: String,
    /// All tensors.
    pub values: Vec<Value>,
    /// Operators in execution order.
    pub nodes: Vec<Node>,
    /// The network's input.
    pub input: ValueId,
    /// The network's output.
    pub output: ValueId,
}

impl Graph {
    /// The tensor behind an index.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// Shape of a tensor.
    pub fn shape(&self, id: ValueId) -> Shape {
        self.values[id.0].shape
    }

    /// Adds a tensor.
    pub fn add_value(&mut self, name: impl Into<String>, shape: Shape) -> ValueId {
        self.values.push(Value { name: name.into(), shape });
        ValueId(self.values.len() - 1)
    }

    /// Indices of the nodes that read a tensor, in execution order.
    pub fn consumers(&self, id: ValueId) -> impl Iterator<Item = usize> + '_ {
        self.nodes.iter().enumerate().filter(move |(_, n)| n.inputs.contains(&id)).map(|(i, _)| i)
    }

    /// Index of the node that writes a tensor; `None` for the network's input.
    pub fn producer(&self, id: ValueId) -> Option<usize> {
        self.nodes.iter().position(|n| n.output == id)
    }
}
