//! Builds ONNX models in a few words. A node reads tensors by name, and writes the one it names.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};

use crate::import::fold::float_info;

/// A network with the input `x`; its output is that of its last node.
#[derive(Clone)]
pub(super) struct Net {
    pub(super) dims: Vec<usize>,
    pub(super) graph: GraphProto,
    opset: i64,
}

impl Net {
    pub(super) fn new(dims: &[usize]) -> Self {
        let graph =
            GraphProto { name: "net".into(), input: vec![float_info("x", dims)], ..GraphProto::default() };
        Self { dims: dims.to_vec(), graph, opset: 17 }
    }

    pub(super) fn opset(mut self, version: i64) -> Self {
        self.opset = version;
        self
    }

    /// A constant of noise.
    pub(super) fn weight(self, name: &str, dims: &[usize]) -> Self {
        let values = noise(dims.iter().product(), name.len() as u32 + 7 * dims.len() as u32);
        self.values(name, dims, &values)
    }

    /// A constant of noise in 0.5 to 1.5.
    pub(super) fn positive(self, name: &str, dims: &[usize]) -> Self {
        let values: Vec<_> = noise(dims.iter().product(), 5).iter().map(|v| 1.0 + v / 4.0).collect();
        self.values(name, dims, &values)
    }

    pub(super) fn values(mut self, name: &str, dims: &[usize], values: &[f32]) -> Self {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: DataType::Float as i32,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    pub(super) fn ints(mut self, name: &str, values: &[i64]) -> Self {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        self
    }

    pub(super) fn node(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attribute: &[AttributeProto],
    ) -> Self {
        self.graph.node.push(NodeProto {
            op_type: op.into(),
            name: format!("{op}.{output}"),
            input: inputs.iter().map(|i| i.to_string()).collect(),
            output: vec![output.into()],
            attribute: attribute.to_vec(),
            ..NodeProto::default()
        });
        self.graph.output = vec![ValueInfoProto { name: output.into(), ..ValueInfoProto::default() }];
        self
    }

    pub(super) fn proto(&self) -> ModelProto {
        ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            graph: Some(self.graph.clone()),
            ..ModelProto::default()
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.proto().encode_to_vec()
    }
}

/// Reproducible numbers in -2 to 2.
pub(super) fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..len).map(next).collect()
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind as i32, ..AttributeProto::default() }
}

pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub(super) fn ints(name: &str, list: &[i64]) -> AttributeProto {
    AttributeProto { ints: list.to_vec(), ..attribute(name, AttributeType::Ints) }
}

pub(super) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

pub(super) fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { s: s.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}
