//! What the file declares: the sizes of the input, and the nodes that the output depends on.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::{GraphProto, NodeProto, ValueInfoProto, type_proto};

use super::error::Problem;

/// The nodes that the outputs depend on, in the order of the file.
pub(super) fn live_nodes(graph: &GraphProto) -> Vec<&NodeProto> {
    let mut wanted: HashSet<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    let mut live = Vec::new();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|o| !o.is_empty() && wanted.contains(o.as_str())) {
            wanted.extend(node.input.iter().map(String::as_str));
            live.push(node);
        }
    }
    live.reverse();
    live
}

/// Sizes of the input's axes; the batch counts as one.
pub(super) fn input_dims(info: &ValueInfoProto) -> Result<Vec<usize>, Vec<Problem>> {
    let fail = |reason: String| vec![Problem::Input { input: info.name.clone(), reason }];
    let Some(type_proto::Value::TensorType(t)) = info.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err(fail("is not declared as a tensor".into()));
    };
    if t.elem_type != DataType::Float as i32 {
        let name = DataType::try_from(t.elem_type).map_or("unknown", |d| d.as_str_name());
        return Err(fail(format!("has elements of type {name}, FLOAT is needed: export in float32")));
    }
    let Some(shape) = &t.shape else { return Err(fail("has no shape: export with a fixed one".into())) };
    let rank = shape.dim.len();
    if !(1..=4).contains(&rank) {
        return Err(fail(format!("has {rank} dimensions, 1 to 4 are supported")));
    }
    let mut dims = Vec::with_capacity(rank);
    let mut problems = Vec::new();
    for (axis, dim) in shape.dim.iter().enumerate() {
        let batch = axis == 0 && rank > 1;
        dims.push(match &dim.value {
            Some(Dim::DimValue(-1)) | Some(Dim::DimParam(_)) | None if batch => 1,
            Some(Dim::DimValue(1)) => 1,
            Some(Dim::DimValue(n)) if batch => {
                return Err(fail(format!("has a batch of {n}: export with a batch of 1 or a symbolic one")));
            }
            // The bound keeps every product of dimensions far from overflow.
            Some(Dim::DimValue(n)) if (1..=1 << 16).contains(n) => *n as usize,
            other => {
                let dimension = match other {
                    Some(Dim::DimValue(n)) => n.to_string(),
                    Some(Dim::DimParam(symbol)) => symbol.clone(),
                    None => "?".into(),
                };
                problems.push(Problem::DynamicShape { input: info.name.clone(), axis, dimension });
                continue;
            }
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if dims.iter().product::<usize>() > 1 << 26 {
        return Err(fail(format!("{dims:?} is too large for a microcontroller")));
    }
    Ok(dims)
}
