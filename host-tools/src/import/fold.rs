//! Evaluates constant nodes with tract, one node at a time, whatever the operator is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension::Value as Dim},
    type_proto,
};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::format_err;

use super::error::Fault;
use super::tensor::{Constant, integers, to_proto};

/// Larger constants would be an attack or an accident: no microcontroller holds them.
const MAX_ELEMENTS: i64 = 1 << 26;

/// An operand of a node to be folded; `None` where an optional input is left out.
pub(super) enum Operand {
    /// A known tensor.
    Constant(Constant),
    /// A float tensor of known shape only.
    Shape(Vec<usize>),
}

/// Evaluates a node with constant inputs. The result has one entry per output of the node.
pub(super) fn fold(
    model: &ModelProto,
    node: &NodeProto,
    inputs: &[Option<Constant>],
) -> Result<Vec<Constant>, Fault> {
    guard(node, inputs)?;
    let operands: Vec<_> = inputs.iter().map(|i| i.clone().map(Operand::Constant)).collect();
    quietly(node, || {
        let outputs = one_node(model, node, &operands)?.into_typed()?.into_runnable()?.run(tvec![])?;
        outputs
            .into_iter()
            .map(|o| {
                let tensor = o.into_tensor();
                // tract computes shapes as symbolic dimensions.
                Ok(Arc::new(if tensor.datum_type() == TDim::datum_type() {
                    tensor.cast_to::<i64>()?.into_owned()
                } else {
                    tensor
                }))
            })
            .collect()
    })
}

/// The shape of a node's first output, for going on behind an unsupported node.
pub(super) fn output_shape(
    model: &ModelProto,
    node: &NodeProto,
    inputs: &[Option<Operand>],
) -> Option<Vec<usize>> {
    quietly(node, || {
        let model = one_node(model, node, inputs)?.into_typed()?;
        let fact = model.output_fact(0)?;
        Ok(fact.shape.as_concrete().map(<[usize]>::to_vec))
    })
    .ok()
    .flatten()
}

/// Operators whose result can be much larger than their inputs, whose evaluation may not end, or that
/// are not functions of their inputs.
fn guard(node: &NodeProto, inputs: &[Option<Constant>]) -> Result<(), Fault> {
    let numbers = |i: usize| inputs.get(i).and_then(|c| c.as_ref()).map(|c| integers(c)).transpose();
    let elements = |i: usize| inputs.get(i).and_then(|c| c.as_ref()).map_or(1, |c| c.len() as i64);
    let product = |list: Vec<i64>| list.iter().fold(1i64, |n, &d| n.saturating_mul(d.max(1)));
    let size = match node.op_type.as_str() {
        "ConstantOfShape" => numbers(0)?.map_or(1, product),
        "Expand" | "Tile" => elements(0).saturating_mul(numbers(1)?.map_or(1, product)),
        "Range" => match (numbers(0)?.as_deref(), numbers(1)?.as_deref(), numbers(2)?.as_deref()) {
            (Some([start]), Some([end]), Some([step])) if *step != 0 => end.saturating_sub(*start) / step,
            _ => i64::MAX,
        },
        "Pad" => elements(0).saturating_add(numbers(1)?.map_or(0, |p| {
            p.iter().fold(1i64, |n, &d| n.saturating_mul(d.max(0).saturating_add(elements(0))))
        })),
        "Gemm" | "MatMul" => elements(0).saturating_mul(elements(1)),
        "Loop" | "Scan" | "If" | "OneHot" | "EyeLike" | "Resize" | "Upsample" | "RandomNormal"
        | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike" | "Multinomial" | "Bernoulli"
        | "Einsum" | "Conv" | "ConvTranspose" => i64::MAX,
        _ => broadcast(inputs),
    };
    if size > MAX_ELEMENTS {
        return Err(Fault::form(
            "the node has only constant inputs, but is not folded for its size or kind",
            "run onnxsim over the file",
        ));
    }
    Ok(())
}

/// Elements of the result if the operands are broadcast against each other.
fn broadcast(inputs: &[Option<Constant>]) -> i64 {
    let shapes = inputs.iter().flatten().map(|c| c.shape());
    let rank = shapes.clone().map(<[usize]>::len).max().unwrap_or(0);
    (0..rank).fold(1i64, |n, back| {
        let dim = shapes.clone().filter_map(|s| s.iter().rev().nth(back)).max().map_or(1, |&d| d as i64);
        n.saturating_mul(dim)
    })
}

/// A damaged attribute can make tract panic; here that is an error of the node.
fn quietly<T>(node: &NodeProto, f: impl FnOnce() -> TractResult<T>) -> Result<T, Fault> {
    let remedy = "run onnxsim over the file";
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(Fault::form(format!("its constant inputs cannot be folded: {e}"), remedy)),
        Err(_) => Err(Fault::form(
            format!("its constant inputs cannot be folded: tract fails on {}", node.op_type),
            remedy,
        )),
    }
}

/// A network of one node, with the known operands as initializers.
fn one_node(
    model: &ModelProto,
    node: &NodeProto,
    operands: &[Option<Operand>],
) -> TractResult<InferenceModel> {
    let mut graph = GraphProto::default();
    let mut node = node.clone();
    node.name = "node".into();
    for (i, operand) in operands.iter().enumerate() {
        let name = format!("input{i}");
        node.input[i] = String::new();
        match operand {
            None => continue,
            Some(Operand::Constant(tensor)) => {
                let proto = to_proto(&name, tensor);
                graph.initializer.push(proto.ok_or_else(|| format_err!("type {:?}", tensor.datum_type()))?);
            }
            Some(Operand::Shape(dims)) => graph.input.push(float_info(&name, dims)),
        }
        node.input[i] = name;
    }
    for (i, output) in node.output.iter_mut().enumerate() {
        if !output.is_empty() {
            *output = format!("output{i}");
            graph.output.push(ValueInfoProto { name: output.clone(), ..ValueInfoProto::default() });
        }
    }
    graph.node.push(node);
    let proto = ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        graph: Some(graph),
        ..ModelProto::default()
    };
    Ok(tract_onnx::onnx().parse(&proto, None)?.model)
}

/// Declaration of a float tensor of fixed shape.
pub(super) fn float_info(name: &str, dims: &[usize]) -> ValueInfoProto {
    let dim =
        dims.iter().map(|&d| Dimension { value: Some(Dim::DimValue(d as i64)), ..Dimension::default() });
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..ValueInfoProto::default() }
}
