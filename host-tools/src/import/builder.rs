//! The graph under construction: what is known of each ONNX tensor, and the moves between layouts.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::Tensor;

use crate::graph::{Graph, Node, Op, Shape, ValueId};

use super::attributes::Attributes;
use super::error::{Fault, Rule};
use super::layout::{Axis, Layout, channels_first};
use super::tensor::Constant;

/// A tensor of the float graph, seen with ONNX axes.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    pub(super) id: ValueId,
    pub(super) layout: Layout,
}

/// What is known of an ONNX tensor.
#[derive(Clone)]
pub(super) enum Known {
    /// Its elements.
    Constant(Constant),
    /// That it flows through the graph.
    Tensor(Tracked),
    /// Nothing: the node that writes it failed.
    Lost,
}

/// Graph and bookkeeping of one import.
pub(super) struct Builder {
    pub(super) graph: Graph,
    pub(super) log: Vec<String>,
    pub(super) opset: i64,
    known: HashMap<String, Known>,
    uses: HashMap<String, usize>,
    /// Readers of each value that are still to come or were seen; an upper bound.
    readers: Vec<usize>,
}

/// One ONNX node with its operands.
pub(super) struct Call<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) name: String,
    pub(super) attributes: Attributes<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(node: &'a NodeProto) -> Self {
        Self { node, name: node_name(node), attributes: Attributes::new(node) }
    }
}

/// Name of a node, or of its first output.
pub(super) fn node_name(node: &NodeProto) -> String {
    match node.output.first() {
        Some(output) if node.name.is_empty() => output.clone(),
        _ => node.name.clone(),
    }
}

impl Builder {
    pub(super) fn new(name: &str, opset: i64, uses: HashMap<String, usize>) -> Self {
        let none = ValueId(usize::MAX);
        let graph = Graph { name: name.into(), values: vec![], nodes: vec![], input: none, output: none };
        Self { graph, log: vec![], opset, known: HashMap::new(), uses, readers: vec![] }
    }

    pub(super) fn known(&self, tensor: &str) -> Option<&Known> {
        self.known.get(tensor)
    }

    pub(super) fn set(&mut self, tensor: &str, known: Known) {
        if let Known::Tensor(t) = &known {
            self.readers[t.id.0] += self.uses.get(tensor).copied().unwrap_or(0);
        }
        self.known.insert(tensor.into(), known);
    }

    /// Adds a tensor to the graph under its ONNX name.
    pub(super) fn add_value(&mut self, tensor: &str, shape: Shape, layout: Layout) -> ValueId {
        let id = self.graph.add_value(tensor, shape);
        self.readers.push(0);
        self.set(tensor, Known::Tensor(Tracked { id, layout }));
        id
    }

    /// Adds a node that writes the first output of `call`.
    pub(super) fn add_node(
        &mut self,
        call: &Call,
        op: Op,
        inputs: Vec<ValueId>,
        shape: Shape,
        layout: Layout,
    ) -> Result<(), Fault> {
        if shape.is_empty() {
            return Err(Fault::form("the result has no elements", "check the sizes of the network's input"));
        }
        let output = self.add_value(output_name(call)?, shape, layout);
        self.graph.nodes.push(Node { name: call.name.clone(), op, inputs, output });
        Ok(())
    }

    /// The first output of `call` is its operand, perhaps seen with other axes.
    pub(super) fn alias(&mut self, call: &Call, id: ValueId, layout: Layout) -> Result<(), Fault> {
        // The reading by this node is replaced by those of its output.
        self.readers[id.0] = self.readers[id.0].saturating_sub(1);
        self.set(output_name(call)?, Known::Tensor(Tracked { id, layout }));
        Ok(())
    }

    /// Whether the node now converted is the only reader of a value.
    pub(super) fn sole_reader(&self, id: ValueId) -> bool {
        self.readers[id.0] == 1
    }

    /// Gives the output of the node that wrote `id` the name and layout of the first output of `call`,
    /// which is merged into that node.
    pub(super) fn merge_into_producer(
        &mut self,
        call: &Call,
        id: ValueId,
        layout: Layout,
    ) -> Result<(), Fault> {
        let output = output_name(call)?;
        self.graph.values[id.0].name = output.into();
        self.alias(call, id, layout)
    }

    /// The node that writes a value.
    pub(super) fn producer(&mut self, id: ValueId) -> Option<&mut Node> {
        self.graph.nodes.iter_mut().find(|n| n.output == id)
    }

    /// Removes the node that writes a value.
    pub(super) fn remove_producer(&mut self, id: ValueId) {
        self.graph.nodes.retain(|n| n.output != id);
    }

    pub(super) fn note(&mut self, line: String) {
        self.log.push(line);
    }

    /// Name of an operand; `None` where an optional one is left out.
    fn operand<'a>(&self, call: &Call<'a>, index: usize) -> Option<&'a str> {
        call.node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// An operand that flows through the graph.
    pub(super) fn tensor(&self, call: &Call, index: usize) -> Result<Tracked, Fault> {
        let name =
            self.operand(call, index).ok_or_else(|| Fault::invalid(format!("input {index} is missing")))?;
        match self.known.get(name) {
            Some(Known::Tensor(t)) => Ok(t.clone()),
            Some(Known::Constant(_)) => Err(Fault::form(
                format!("input {index} ({name:?}) is a constant where a tensor is needed"),
                "swap the operands, or fold the node with onnxsim",
            )),
            _ => Err(Fault { rule: Rule::MissingTensor(name.into()), remedy: String::new() }),
        }
    }

    /// A constant operand; `None` where it is left out.
    pub(super) fn maybe_constant(&self, call: &Call, index: usize) -> Result<Option<Arc<Tensor>>, Fault> {
        let Some(name) = self.operand(call, index) else { return Ok(None) };
        match self.known.get(name) {
            Some(Known::Constant(tensor)) => Ok(Some(tensor.clone())),
            Some(Known::Tensor(_)) => Err(Fault::form(
                format!("input {index} ({name:?}) depends on the network's input, a constant is needed"),
                "export with constant folding, or run onnxsim over the file",
            )),
            _ => Err(Fault { rule: Rule::MissingTensor(name.into()), remedy: String::new() }),
        }
    }

    /// A constant operand that must be there.
    pub(super) fn constant(&self, call: &Call, index: usize) -> Result<Arc<Tensor>, Fault> {
        self.maybe_constant(call, index)?.ok_or_else(|| Fault::invalid(format!("input {index} is missing")))
    }

    /// Whether an operand is a constant.
    pub(super) fn is_constant(&self, call: &Call, index: usize) -> bool {
        self.operand(call, index).is_some_and(|n| matches!(self.known.get(n), Some(Known::Constant(_))))
    }

    /// Sizes of the ONNX axes of a tensor.
    pub(super) fn dims(&self, t: &Tracked) -> Vec<usize> {
        t.layout.dims(self.graph.shape(t.id))
    }

    /// An operand whose ONNX axes are N, C and up to two spatial ones.
    pub(super) fn channels_first(&mut self, call: &Call, index: usize) -> Result<Tracked, Fault> {
        let t = self.tensor(call, index)?;
        let rank = t.layout.0.len();
        let axes = channels_first(rank).ok_or_else(|| {
            Fault::form(
                format!("the input has {rank} dimensions, 2 to 4 are supported"),
                "remove the extra dimensions",
            )
        })?;
        self.require(call, index, axes)
    }

    /// An operand whose ONNX axes stand for the given logical ones. Where both orders are that of
    /// storage, a reshape makes it so.
    pub(super) fn require(&mut self, call: &Call, index: usize, axes: &[Axis]) -> Result<Tracked, Fault> {
        let t = self.tensor(call, index)?;
        let shape = self.graph.shape(t.id);
        let dims = self.dims(&t);
        let wanted = Layout::of(axes);
        let mut target = Shape::new(1, 1, 1);
        for (&axis, &dim) in axes.iter().zip(&dims) {
            if axis == Axis::N && dim != 1 {
                return Err(Fault::form(
                    "the batch is mixed with other dimensions",
                    "keep the batch as the first dimension",
                ));
            }
            super::layout::set_length(&mut target, axis, dim);
        }
        if target == shape && t.layout.same(&wanted, shape) {
            return Ok(Tracked { layout: wanted, ..t });
        }
        if !t.layout.is_linear(shape) || !wanted.is_linear(target) {
            return Err(Fault::form(
                format!(
                    "the input's axes are {}, {} are needed: the elements would have to be moved",
                    describe(&t.layout, shape),
                    describe(&wanted, target)
                ),
                "export with channels first (NCHW) and without transposes between the layers",
            ));
        }
        let name = self.operand(call, index).unwrap_or_default().to_owned();
        let readers = self.uses.get(&name).copied().unwrap_or(1);
        self.readers.push(readers);
        let output = self.graph.add_value(format!("{name}/reshaped"), target);
        self.graph.nodes.push(Node {
            name: format!("{}/reshape", call.name),
            op: Op::Reshape,
            inputs: vec![t.id],
            output,
        });
        self.note(format!("{}: input reshaped from {shape} to {target}", call.name));
        let t = Tracked { id: output, layout: wanted };
        self.known.insert(name, Known::Tensor(t.clone()));
        Ok(t)
    }
}

/// Name of the first output; nodes with more used outputs are refused before.
pub(super) fn output_name<'a>(call: &Call<'a>) -> Result<&'a str, Fault> {
    call.node.output.first().map(String::as_str).ok_or_else(|| Fault::invalid("the node has no output"))
}

/// Axes for messages, such as `[N, C, HW]`.
pub(super) fn describe(layout: &Layout, shape: Shape) -> String {
    let group = |i: usize| match layout.significant(shape, i).as_slice() {
        [] => "1".to_owned(),
        axes => axes.iter().map(|a| format!("{a:?}")).collect(),
    };
    format!("[{}]", (0..layout.0.len()).map(group).collect::<Vec<_>>().join(", "))
}
