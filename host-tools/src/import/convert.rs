//! Walks the nodes of a decoded model and collects what can't be converted.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use tract_onnx::prelude::Tensor;

use crate::graph::Shape;

use super::builder::{Builder, Call, Known, node_name};
use super::declared::{input_dims, live_nodes};
use super::error::{Fault, Problem, Rule};
use super::finish::{compact, softmax_not_last};
use super::fold::{self, Operand};
use super::layout::{Axis, Layout, channels_first};
use super::{Imported, ops, tensor};

/// Converts a model. Its input may be channels first or last: the first reading under which all nodes
/// convert is taken.
pub(super) fn convert(model: &ModelProto, folder: &Path) -> Result<Imported, Vec<Problem>> {
    let empty = GraphProto::default();
    let graph = model.graph.as_ref().unwrap_or(&empty);
    let source = Source::read(model, graph, folder)?;
    let mut failures = Vec::new();
    for layout in source.layouts() {
        match source.build(layout) {
            Ok(imported) => return Ok(imported),
            Err(problems) => failures.push(problems),
        }
    }
    Err(failures.into_iter().min_by_key(Vec::len).unwrap_or_default())
}

/// A model whose file-level rules hold.
struct Source<'a> {
    model: &'a ModelProto,
    graph: &'a GraphProto,
    opset: i64,
    input: String,
    dims: Vec<usize>,
    output: String,
    constants: HashMap<String, Arc<Tensor>>,
    /// Nodes that the output depends on.
    nodes: Vec<&'a NodeProto>,
    /// How often each tensor is read by them; the output counts as read.
    uses: HashMap<String, usize>,
}

impl<'a> Source<'a> {
    fn read(model: &'a ModelProto, graph: &'a GraphProto, folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let opset = model.opset_import.iter().find(|o| is_standard(&o.domain)).map(|o| o.version);
        if opset.is_none() {
            problems.push(Problem::NotOnnx("it does not say which ONNX operator set it uses".into()));
        }
        let nodes = live_nodes(graph);
        let mut uses = HashMap::new();
        let outputs = graph.output.iter().map(|o| &o.name);
        for name in nodes.iter().flat_map(|n| &n.input).chain(outputs) {
            *uses.entry(name.clone()).or_insert(0) += 1;
        }
        let mut constants = HashMap::new();
        for proto in graph.initializer.iter().filter(|t| uses.contains_key(&t.name)) {
            match tensor::load(proto, folder) {
                Ok(t) => drop(constants.insert(proto.name.clone(), t)),
                Err(problem) => problems.push(problem),
            }
        }
        for proto in &graph.sparse_initializer {
            let tensor = proto.values.as_ref().map(|v| v.name.clone()).unwrap_or_default();
            problems.push(Problem::Tensor { tensor, reason: "sparse tensors are not supported".into() });
        }
        let stored: HashSet<_> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let inputs: Vec<_> = graph.input.iter().filter(|i| !stored.contains(i.name.as_str())).collect();
        let (mut input, mut dims) = (String::new(), vec![]);
        match inputs.as_slice() {
            [one] => match input_dims(one) {
                Ok(d) => (input, dims) = (one.name.clone(), d),
                Err(mut p) => problems.append(&mut p),
            },
            other => problems.push(Problem::Inputs { names: other.iter().map(|i| i.name.clone()).collect() }),
        }
        let output = match graph.output.as_slice() {
            [one] => one.name.clone(),
            other => {
                problems.push(Problem::Outputs { names: other.iter().map(|o| o.name.clone()).collect() });
                String::new()
            }
        };
        if !problems.is_empty() {
            problems.extend(unknown_operators(&nodes, &inputs));
            return Err(problems);
        }
        let opset = opset.unwrap_or_default();
        Ok(Self { model, graph, opset, input, dims, output, constants, nodes, uses })
    }

    /// The possible meanings of the input's axes, most usual first.
    fn layouts(&self) -> Vec<Layout> {
        use Axis::{C, H, N, W};
        let readings: &[&[Axis]] = match self.dims.len() {
            1 => &[&[C]],
            2 => &[&[N, C]],
            3 => &[&[N, C, W], &[N, W, C], &[N, H, W]],
            _ => &[&[N, C, H, W], &[N, H, W, C]],
        };
        readings.iter().map(|axes| Layout::of(axes)).collect()
    }

    fn build(&self, layout: Layout) -> Result<Imported, Vec<Problem>> {
        let mut b = Builder::new(&self.graph.name, self.opset, self.uses.clone());
        let mut shape = Shape::new(1, 1, 1);
        for (group, &dim) in layout.0.iter().zip(&self.dims) {
            group.iter().for_each(|&axis| super::layout::set_length(&mut shape, axis, dim));
        }
        b.graph.input = b.add_value(&self.input, shape, layout.clone());
        for (name, t) in &self.constants {
            b.set(name, Known::Constant(t.clone()));
        }

        let mut problems = Vec::new();
        let mut folded = Vec::new();
        for node in &self.nodes {
            match self.node(&mut b, node) {
                Ok(Step::Folded) => folded.push(node_name(node)),
                Ok(Step::Converted | Step::Skipped) => {}
                Err(fault) => {
                    problems.push(at_node(node, fault));
                    self.go_on_behind(&mut b, node);
                }
            }
        }
        let Some(Known::Tensor(output)) = b.known(&self.output).cloned() else {
            if problems.is_empty() {
                problems.push(Problem::NotOnnx("its output does not depend on its input".into()));
            }
            return Err(problems);
        };
        b.graph.output = output.id;
        problems.extend(softmax_not_last(&b));
        if !problems.is_empty() {
            return Err(problems);
        }
        if !folded.is_empty() {
            let shown = folded.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if folded.len() > 3 { ", ..." } else { "" };
            b.log.insert(0, format!("{} constant nodes folded: {shown}{more}", folded.len()));
        }
        for (what, t) in [("input", &layout), ("output", &output.layout)] {
            let id = if what == "input" { b.graph.input } else { b.graph.output };
            let shape = b.graph.shape(id);
            if !t.is_linear(shape) {
                b.log.push(format!(
                    "{what}: {} becomes (h, w, c) = {shape}",
                    super::builder::describe(t, shape)
                ));
            }
        }
        compact(&mut b);
        Ok(Imported { graph: b.graph, log: b.log, input_layout: layout, output_layout: output.layout })
    }

    fn node(&self, b: &mut Builder, node: &NodeProto) -> Result<Step, Fault> {
        let lost = node.input.iter().any(|i| matches!(b.known(i), Some(Known::Lost)));
        if !is_standard(&node.domain) {
            let rule = Rule::Form(format!("operators of the domain {:?} are not supported", node.domain));
            return Err(Fault { rule, remedy: "export with the standard ONNX operators".into() });
        }
        if let Some(missing) = node.input.iter().find(|i| !i.is_empty() && b.known(i).is_none()) {
            let remedy = "save the model with its weights, nodes in topological order".into();
            return Err(Fault { rule: Rule::MissingTensor(missing.clone()), remedy });
        }
        if self.fold(b, node)? {
            return Ok(Step::Folded);
        }
        let convert = ops::find(&node.op_type).ok_or_else(|| ops::unsupported(&node.op_type))?;
        if let Some(extra) =
            node.output.iter().skip(1).find(|o| self.uses.contains_key(o.as_str()) && !o.is_empty())
        {
            return Err(Fault::form(
                format!("its further output {extra:?} is used"),
                "use the first output only",
            ));
        }
        if lost {
            node.output.iter().for_each(|o| b.set(o, Known::Lost));
            return Ok(Step::Skipped);
        }
        convert(b, &Call::new(node))?;
        Ok(Step::Converted)
    }

    /// Evaluates a node whose result doesn't depend on the network's input.
    fn fold(&self, b: &mut Builder, node: &NodeProto) -> Result<bool, Fault> {
        if let ("Shape", [input]) = (node.op_type.as_str(), node.input.as_slice())
            && let Some(Known::Tensor(t)) = b.known(input)
        {
            let dims: Vec<_> = b.dims(t).iter().map(|&d| d as i64).collect();
            let call = Call::new(node);
            let (start, end) = (call.attributes.int("start", 0)?, call.attributes.int("end", i64::MAX)?);
            call.attributes.finish()?;
            let rank = dims.len() as i64;
            let clamp = |v: i64| if v < 0 { v.saturating_add(rank) } else { v }.clamp(0, rank) as usize;
            let part = dims.get(clamp(start)..clamp(end)).unwrap_or_default();
            let part = Tensor::from_shape(&[part.len()], part).map_err(|e| Fault::invalid(e.to_string()))?;
            self.set_constants(b, node, vec![Arc::new(part)]);
            return Ok(true);
        }
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            match b.known(name) {
                Some(Known::Constant(t)) => inputs.push(Some(t.clone())),
                None if name.is_empty() => inputs.push(None),
                _ => return Ok(false),
            }
        }
        if node.op_type == "Constant"
            && let Some(value) = node.attribute.iter().find(|a| a.name == "value").and_then(|a| a.t.as_ref())
        {
            let loaded = tensor::load(value, Path::new(".")).map_err(|e| Fault::invalid(e.to_string()))?;
            self.set_constants(b, node, vec![loaded]);
            return Ok(true);
        }
        let results = fold::fold(self.model, node, &inputs)?;
        self.set_constants(b, node, results);
        Ok(true)
    }

    fn set_constants(&self, b: &mut Builder, node: &NodeProto, results: Vec<Arc<Tensor>>) {
        for (name, t) in node.output.iter().filter(|o| !o.is_empty()).zip(results) {
            b.set(name, Known::Constant(t));
        }
    }

    /// After a node that failed: its output gets the shape that tract finds, so that the nodes behind
    /// it are checked too. Where it finds none, they are skipped.
    fn go_on_behind(&self, b: &mut Builder, node: &NodeProto) {
        node.output.iter().for_each(|o| b.set(o, Known::Lost));
        let mut operands = Vec::with_capacity(node.input.len());
        for name in &node.input {
            operands.push(match b.known(name) {
                Some(Known::Constant(t)) => Some(Operand::Constant(t.clone())),
                Some(Known::Tensor(t)) => Some(Operand::Shape(b.dims(t))),
                None if name.is_empty() => None,
                _ => return,
            });
        }
        let (Some(dims), Some(output)) =
            (fold::output_shape(self.model, node, &operands), node.output.first())
        else {
            return;
        };
        if dims.first() != Some(&1) || dims.iter().product::<usize>() == 0 {
            return;
        }
        let Some(axes) = channels_first(dims.len()) else { return };
        let mut shape = Shape::new(1, 1, 1);
        axes.iter().zip(&dims).for_each(|(&axis, &dim)| super::layout::set_length(&mut shape, axis, dim));
        b.add_value(output, shape, Layout::of(axes));
    }
}

/// What became of a node.
enum Step {
    Folded,
    Converted,
    /// An operand is unknown because an earlier node failed.
    Skipped,
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

fn at_node(node: &NodeProto, fault: Fault) -> Problem {
    Problem::Node {
        node: node_name(node),
        op: node.op_type.clone(),
        rule: Box::new(fault.rule),
        remedy: fault.remedy,
    }
}

/// Refusals of the nodes between inputs and output whose operator is unknown.
fn unknown_operators(nodes: &[&NodeProto], inputs: &[&ValueInfoProto]) -> Vec<Problem> {
    let mut dependent: HashSet<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
    let mut problems = Vec::new();
    for node in nodes {
        // The shape of a tensor is a constant.
        if node.op_type != "Shape" && node.input.iter().any(|i| dependent.contains(i.as_str())) {
            dependent.extend(node.output.iter().map(String::as_str));
            if ops::find(&node.op_type).is_none() {
                problems.push(at_node(node, ops::unsupported(&node.op_type)));
            }
        }
    }
    problems
}
