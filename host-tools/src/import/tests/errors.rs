//! What is refused, and that all of it is named at once.

use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value::TensorType;

use super::net::{Net, int, ints, text};
use super::{import, import_bytes, texts};
use crate::import::{Problem, Rule};

/// Imports a network that must be refused; returns the messages with their remedies.
fn refused(what: &str, net: Net) -> Vec<String> {
    texts(&import(&net).err().unwrap_or_else(|| panic!("{what}: must be refused")))
}

#[test]
fn all_unsupported_nodes_are_named() {
    let net = Net::new(&[1, 3, 8, 8]).weight("w", &[2, 3, 3, 3]);
    let net = net.node("Erf", &["x"], "a", &[]).node("Conv", &["a", "w"], "b", &[]);
    let net = net.node("MaxPool", &["b"], "c", &[ints("kernel_shape", &[2, 2]), ints("dilations", &[2, 2])]);
    let net = net.node("Nonsense", &["c"], "d", &[]).node("Relu", &["d"], "e", &[]);
    let messages = refused("four nodes", net.node("Sin", &["e"], "f", &[]));
    let starts = [
        "node \"Erf.a\" (Erf)",
        "node \"MaxPool.c\" (MaxPool): attribute dilations",
        "node \"Nonsense.d\"",
        "node \"Sin.f\"",
    ];
    assert_eq!(messages.len(), starts.len(), "{messages:?}");
    for (message, start) in messages.iter().zip(starts) {
        assert!(message.starts_with(start), "{message}");
        assert!(!message.ends_with("[]"), "no remedy: {message}");
    }
}

#[test]
fn refused_forms() {
    let net = || Net::new(&[1, 3, 8, 8]);
    let pool = ints("kernel_shape", &[2, 2]);
    // Pooling says which axis holds the channels; without it the last one could.
    let pooled = || net().node("MaxPool", &["x"], "i", std::slice::from_ref(&pool));
    let cases = [
        (
            "mode = edge",
            net().ints("p", &[0, 0, 1, 1, 0, 0, 1, 1]).node("Pad", &["x", "p"], "y", &[text("mode", "edge")]),
        ),
        ("attribute new = 1", net().node("Relu", &["x"], "y", &[int("new", 1)])),
        ("slopes", net().weight("s", &[3, 1, 1]).node("PRelu", &["x", "s"], "y", &[])),
        ("differs between positions", pooled().weight("c", &[1, 7]).node("Add", &["i", "c"], "y", &[])),
        (
            "only Add takes two tensors",
            net().node("Relu", &["x"], "r", &[]).node("Mul", &["x", "r"], "y", &[]),
        ),
        ("over the channels", pooled().node("ReduceMean", &["i"], "y", &[ints("axes", &[1])])),
        ("over all axes", net().node("ReduceMean", &["x"], "y", &[])),
        ("only channels can be concatenated", net().node("Concat", &["x", "x"], "y", &[int("axis", 2)])),
        (
            "only at the end",
            net().node("Softmax", &["x"], "s", &[int("axis", 1)]).node("Relu", &["s"], "y", &[]),
        ),
        (
            "ceil_mode",
            net().node(
                "AveragePool",
                &["x"],
                "y",
                &[
                    ints("kernel_shape", &[3, 3]),
                    ints("strides", &[2, 2]),
                    int("ceil_mode", 1),
                    int("count_include_pad", 1),
                ],
            ),
        ),
        (
            "axes",
            net()
                .weight("w", &[2, 3, 3, 3])
                .node("Transpose", &["x"], "t", &[ints("perm", &[0, 1, 3, 2])])
                .node("Conv", &["t", "w"], "y", &[]),
        ),
        ("split and moved", net().ints("s", &[1, 3, 4, 2, 8]).node("Reshape", &["x", "s"], "y", &[])),
        (
            "is not finite",
            net().values("w", &[1, 3, 1, 1], &[1.0, f32::INFINITY, 0.0]).node("Conv", &["x", "w"], "y", &[]),
        ),
        (
            "step 2 over the channels",
            pooled().ints("s", &[0]).ints("e", &[3]).ints("a", &[1]).ints("t", &[2]).node(
                "Slice",
                &["i", "s", "e", "a", "t"],
                "y",
                &[],
            ),
        ),
        (
            "wholly in the padding",
            net().node("MaxPool", &["x"], "y", &[pool.clone(), ints("pads", &[2, 0, 0, 0])]),
        ),
        ("out of range", net().node("MaxPool", &["x"], "y", &[pool.clone(), ints("strides", &[0, 1])])),
        (
            "not folded",
            net().ints("s", &[1 << 40, 1]).node("ConstantOfShape", &["s"], "c", &[]).node(
                "Add",
                &["x", "c"],
                "y",
                &[],
            ),
        ),
    ];
    for (what, net) in cases {
        let messages = refused(what, net);
        assert!(messages.iter().any(|m| m.contains(what)), "{what}: {messages:?}");
    }
}

#[test]
fn missing_and_damaged_tensors() {
    let net = Net::new(&[1, 3, 8, 8]).node("Conv", &["x", "lost"], "y", &[]);
    let problems = import(&net).expect_err("must be refused");
    assert!(
        matches!(&problems[..], [Problem::Node { rule, .. }] if matches!(&**rule, Rule::MissingTensor(t) if t == "lost"))
    );

    let mut net = Net::new(&[1, 3, 8, 8]).weight("w", &[2, 3, 3, 3]).node("Conv", &["x", "w"], "y", &[]);
    net.graph.initializer[0].float_data.pop();
    assert!(
        matches!(&import(&net).expect_err("must be refused")[..], [Problem::Tensor { tensor, .. }] if tensor == "w")
    );
    net.graph.initializer[0].dims = vec![i64::MAX, i64::MAX, -1];
    assert!(matches!(&import(&net).expect_err("must be refused")[..], [Problem::Tensor { .. }]));
    net.graph.initializer[0].data_location = Some(1);
    net.graph.initializer[0].dims = vec![2, 3, 3, 3];
    assert!(matches!(&import(&net).expect_err("must be refused")[..], [Problem::ExternalData { .. }]));
}

/// Sets a dimension of the input.
fn with_dim(axis: usize, value: Option<Dim>) -> Net {
    let mut net = Net::new(&[1, 3, 8, 8]).node("Relu", &["x"], "y", &[]);
    if let Some(TensorType(t)) = net.graph.input[0].r#type.as_mut().and_then(|t| t.value.as_mut())
        && let Some(shape) = &mut t.shape
    {
        shape.dim[axis].value = value;
    }
    net
}

#[test]
fn only_the_batch_may_be_dynamic() {
    for batch in [None, Some(Dim::DimValue(-1)), Some(Dim::DimValue(1)), Some(Dim::DimParam("N".into()))] {
        assert!(import(&with_dim(0, batch.clone())).is_ok(), "{batch:?}");
    }
    for size in [None, Some(Dim::DimValue(-1)), Some(Dim::DimValue(0)), Some(Dim::DimParam("width".into()))] {
        let problems = import(&with_dim(3, size)).expect_err("must be refused");
        assert!(matches!(&problems[..], [Problem::DynamicShape { axis: 3, .. }]), "{problems:?}");
        assert!(problems[0].remedy().contains("make_dynamic_shape_fixed"));
    }
}

#[test]
fn one_input_and_one_output() {
    let mut net = Net::new(&[1, 4]).node("Relu", &["x"], "y", &[]);
    net.graph.input.push(net.graph.input[0].clone());
    net.graph.output.clear();
    let problems = import(&net).expect_err("must be refused");
    assert!(matches!(&problems[..], [Problem::Inputs { .. }, Problem::Outputs { .. }]), "{problems:?}");
}

#[test]
fn damaged_bytes_are_errors() {
    let net = Net::new(&[1, 3, 8, 8]).weight("w", &[2, 3, 3, 3]).ints("s", &[1, -1]);
    let net = net.node("Conv", &["x", "w"], "c", &[ints("pads", &[1, 1, 1, 1])]).node(
        "Reshape",
        &["c", "s"],
        "y",
        &[],
    );
    let bytes = net.bytes();
    let read = |bytes: &[u8]| import_bytes(bytes, ".".as_ref());
    assert!(read(&bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{len} bytes");
    }
    // Whatever a changed byte gives, it isn't a panic.
    let mut results = 0;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            results += usize::from(read(&bytes).is_err());
        }
    }
    assert!(results > 0);
    for garbage in [&b"hello, this is text"[..], &[0; 64], &[0xff; 64], b"PK\x03\x04"] {
        assert!(matches!(&read(garbage).expect_err("must be refused")[..], [Problem::NotOnnx(_)]));
    }
}
