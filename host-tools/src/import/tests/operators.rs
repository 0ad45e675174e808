//! Every operator on small odd shapes.

use tract_onnx::pb::AttributeProto;

use super::check;
use super::net::{Net, float, int, ints, text};
use crate::graph::{Activation, Op};

#[test]
fn convolutions_of_images() {
    let pads = ints("pads", &[2, 0, 1, 3]);
    type Case = (&'static str, [usize; 3], [usize; 4], Vec<AttributeProto>);
    let cases: Vec<Case> = vec![
        ("plain", [3, 5, 7], [4, 3, 3, 2], vec![]),
        ("asymmetric pads", [3, 5, 7], [4, 3, 3, 2], vec![pads.clone()]),
        ("strides", [2, 7, 6], [3, 2, 3, 3], vec![pads.clone(), ints("strides", &[3, 2])]),
        ("dilation", [2, 9, 8], [3, 2, 3, 2], vec![pads.clone(), ints("dilations", &[2, 3])]),
        ("groups", [6, 5, 4], [4, 3, 2, 2], vec![int("group", 2), pads.clone()]),
        ("groups of points", [6, 5, 4], [4, 3, 1, 1], vec![int("group", 2)]),
        ("depthwise", [5, 6, 5], [5, 1, 3, 3], vec![int("group", 5), pads, ints("strides", &[2, 1])]),
        ("depthwise with multiplier", [3, 6, 5], [6, 1, 3, 3], vec![int("group", 3)]),
        ("point", [7, 3, 5], [3, 7, 1, 1], vec![]),
        ("point with stride", [7, 5, 5], [3, 7, 1, 1], vec![ints("strides", &[2, 2])]),
        (
            "same upper",
            [2, 6, 7],
            [3, 2, 3, 4],
            vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 3])],
        ),
        ("same lower", [2, 6, 7], [3, 2, 2, 4], vec![text("auto_pad", "SAME_LOWER")]),
        ("valid", [2, 6, 7], [3, 2, 3, 4], vec![text("auto_pad", "VALID"), ints("kernel_shape", &[3, 4])]),
        ("one channel", [1, 6, 7], [3, 1, 3, 3], vec![]),
    ];
    for (what, [c, h, w], weight, attributes) in cases {
        let net = Net::new(&[1, c, h, w]).weight("w", &weight);
        check(what, net.clone().node("Conv", &["x", "w"], "y", &attributes));
        let net = net.weight("b", &weight[..1]).node("Conv", &["x", "w", "b"], "y", &attributes);
        check(what, net);
    }
}

#[test]
fn convolutions_of_signals() {
    for attributes in [vec![], vec![ints("pads", &[2, 1]), ints("strides", &[2]), ints("dilations", &[3])]] {
        let net = Net::new(&[1, 3, 17]).weight("w", &[4, 3, 5]).weight("b", &[4]);
        let imported = check("1-D", net.node("Conv", &["x", "w", "b"], "y", &attributes));
        assert_eq!(imported.graph.shape(imported.graph.input), crate::graph::Shape::new(1, 17, 3));
    }
}

#[test]
fn activations() {
    let cases = [
        ("Relu", vec![]),
        ("LeakyRelu", vec![]),
        ("LeakyRelu", vec![float("alpha", 0.3)]),
        ("Sigmoid", vec![]),
        ("Tanh", vec![]),
        ("HardSigmoid", vec![]),
        ("HardSigmoid", vec![float("alpha", 0.3), float("beta", 0.4)]),
        ("HardSwish", vec![]),
    ];
    for (op, attributes) in cases {
        check(op, Net::new(&[1, 3, 4, 5]).node(op, &["x"], "y", &attributes));
    }
    let bounds = [float("min", -0.5), float("max", 0.75)];
    check("Clip by attributes", Net::new(&[1, 3, 2]).opset(10).node("Clip", &["x"], "y", &bounds));
    let net = Net::new(&[1, 3, 2]).values("lo", &[], &[-0.5]).values("hi", &[], &[0.75]);
    check("Clip", net.clone().node("Clip", &["x", "lo", "hi"], "y", &[]));
    check("Clip above", net.clone().node("Clip", &["x", "", "hi"], "y", &[]));
    check("Max", net.clone().node("Max", &["lo", "x"], "y", &[]));
    check("Min", net.node("Min", &["x", "hi"], "y", &[]));
    check("PRelu", Net::new(&[1, 3, 2, 2]).values("s", &[1], &[0.2]).node("PRelu", &["x", "s"], "y", &[]));
}

#[test]
fn old_hard_swish_is_one_node() {
    let gate = [float("alpha", 1.0 / 6.0)];
    let net =
        Net::new(&[1, 3, 2, 2]).node("HardSigmoid", &["x"], "g", &gate).node("Mul", &["x", "g"], "y", &[]);
    let imported = check("HardSwish", net);
    assert!(
        matches!(imported.graph.nodes.as_slice(), [n] if matches!(n.op, Op::Activation(Activation::HardSwish)))
    );
}

#[test]
fn batch_norm_is_kept() {
    let net =
        Net::new(&[1, 3, 4, 5]).weight("g", &[3]).weight("be", &[3]).weight("m", &[3]).positive("v", &[3]);
    let net = net.node("BatchNormalization", &["x", "g", "be", "m", "v"], "y", &[float("epsilon", 0.01)]);
    let imported = check("BatchNormalization", net);
    assert!(matches!(imported.graph.nodes[0].op, Op::BatchNorm(_)));
}

#[test]
fn arithmetic_with_constants() {
    for dims in [&[][..], &[1], &[3, 1, 1], &[1, 3, 1, 1]] {
        for op in ["Add", "Sub", "Mul", "Div"] {
            let net = Net::new(&[1, 3, 4, 5]).positive("c", dims);
            check(op, net.clone().node(op, &["x", "c"], "y", &[]));
            if op != "Div" {
                check(op, net.node(op, &["c", "x"], "y", &[]));
            }
        }
    }
}

#[test]
fn a_constant_added_to_a_layer_is_its_bias() {
    let net = Net::new(&[1, 3, 4, 5]).weight("w", &[2, 3, 1, 1]).weight("c", &[2, 1, 1]);
    let net = net.node("Conv", &["x", "w"], "t", &[]).node("Add", &["c", "t"], "y", &[]);
    let imported = check("bias", net.clone());
    assert_eq!(imported.graph.nodes.len(), 1);
    let imported = check("bias of a tensor with two readers", net.node("Add", &["y", "t"], "z", &[]));
    assert_eq!(imported.graph.nodes.len(), 3);
}

#[test]
fn sums_of_tensors() {
    let net = Net::new(&[1, 3, 4, 5]).node("Relu", &["x"], "r", &[]);
    check("Add", net.clone().node("Add", &["x", "r"], "y", &[]));
    check("Add to itself", net.node("Add", &["r", "r"], "y", &[]));
}

#[test]
fn pooling() {
    let (kernel, strides) = (ints("kernel_shape", &[3, 2]), ints("strides", &[2, 3]));
    let pads = ints("pads", &[1, 0, 2, 1]);
    for op in ["MaxPool", "AveragePool"] {
        let net = Net::new(&[1, 3, 7, 8]);
        for attributes in [
            vec![kernel.clone()],
            vec![kernel.clone(), strides.clone()],
            vec![kernel.clone(), strides.clone(), pads.clone()],
            vec![kernel.clone(), strides.clone(), text("auto_pad", "SAME_UPPER")],
        ] {
            check(op, net.clone().node(op, &["x"], "y", &attributes));
        }
        check(
            op,
            Net::new(&[1, 3, 11]).node(op, &["x"], "y", &[ints("kernel_shape", &[4]), ints("strides", &[3])]),
        );
        let ceil = [ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
        check(op, Net::new(&[1, 2, 6, 8]).node(op, &["x"], "y", &ceil));
    }
    let counted = [kernel, pads, int("count_include_pad", 1)];
    check("AveragePool counts padding", Net::new(&[1, 3, 7, 8]).node("AveragePool", &["x"], "y", &counted));
    for op in ["GlobalAveragePool", "GlobalMaxPool"] {
        check(op, Net::new(&[1, 3, 4, 5]).node(op, &["x"], "y", &[]));
        check(op, Net::new(&[1, 3, 4]).node(op, &["x"], "y", &[]));
    }
}

#[test]
fn reductions_over_rows_and_columns() {
    for op in ["ReduceMean", "ReduceMax"] {
        for axes in [&[2, 3][..], &[-1, -2], &[2], &[3]] {
            for keep in [0, 1] {
                let attributes = [ints("axes", axes), int("keepdims", keep)];
                check(op, Net::new(&[1, 3, 4, 5]).node(op, &["x"], "y", &attributes));
            }
        }
    }
    let net = Net::new(&[1, 3, 4, 5]).opset(18).ints("axes", &[2, 3]);
    check("axes as input", net.node("ReduceMean", &["x", "axes"], "y", &[int("keepdims", 0)]));
}

#[test]
fn dense_layers() {
    let gemm = [int("transB", 1), float("alpha", 0.5), float("beta", 2.0)];
    let net = Net::new(&[1, 7]).weight("w", &[5, 7]).weight("b", &[5]);
    check("Gemm", net.node("Gemm", &["x", "w", "b"], "y", &gemm));
    let net = Net::new(&[1, 7]).weight("w", &[7, 5]).weight("b", &[1, 5]);
    check("Gemm", net.clone().node("Gemm", &["x", "w"], "y", &[]));
    check("Gemm", net.clone().node("Gemm", &["x", "w", "b"], "y", &[]));
    let net = net.node("MatMul", &["x", "w"], "t", &[]).node("Add", &["t", "b"], "y", &[]);
    assert_eq!(check("MatMul and Add", net).graph.nodes.len(), 1);
}

#[test]
fn softmax_at_the_end() {
    for op in ["Softmax", "LogSoftmax"] {
        check(op, Net::new(&[1, 7]).node(op, &["x"], "y", &[]));
        check(op, Net::new(&[1, 3, 4, 5]).node(op, &["x"], "y", &[int("axis", 1)]));
        check(op, Net::new(&[1, 7, 1, 1]).opset(11).node(op, &["x"], "y", &[]));
    }
}

#[test]
fn concatenation_of_channels() {
    let net = Net::new(&[1, 3, 4, 5]).weight("w", &[1, 3, 1, 1]).node("Conv", &["x", "w"], "t", &[]);
    check("Concat", net.clone().node("Concat", &["x", "t"], "y", &[int("axis", 1)]));
    check("Concat", net.node("Concat", &["t", "x", "t"], "y", &[int("axis", -3)]));
}

#[test]
fn pads_and_slices() {
    let pad = |pads: &[i64]| Net::new(&[1, 3, 4, 5]).ints("p", pads).values("v", &[], &[0.5]);
    check("Pad", pad(&[0, 0, 1, 2, 0, 0, 3, 0]).node("Pad", &["x", "p"], "y", &[]));
    check("Pad of channels", pad(&[0, 2, 0, 0, 0, 1, 0, 0]).node("Pad", &["x", "p", "v"], "y", &[]));
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        let net = Net::new(&[1, 6, 7, 8]).ints("s", starts).ints("e", ends).ints("a", axes).ints("t", steps);
        net.node("Slice", &["x", "s", "e", "a", "t"], "y", &[])
    };
    check("Slice", slice(&[1, 0], &[i64::MAX, -1], &[2, 3], &[2, 3]));
    check("Slice of channels", slice(&[-4], &[5], &[1], &[1]));
    let merged = slice(&[1], &[4], &[2], &[2]).ints("p", &[0, 1, 0, 0, 0, 2, 1, 0]);
    let merged = merged.node("Pad", &["y", "p"], "z", &[]);
    // The padded row would be a row of the input in one window, so both nodes must stay.
    assert_eq!(check("Slice and Pad", merged).graph.nodes.len(), 2);
    let merged = slice(&[0], &[7], &[2], &[2]).ints("p", &[0, 1, 0, 0, 0, 2, 0, 0]);
    assert_eq!(
        check("strided Slice and Pad", merged.node("Pad", &["y", "p"], "z", &[])).graph.nodes.len(),
        1
    );
}

#[test]
fn a_zero_pad_joins_its_convolution() {
    let net = Net::new(&[1, 3, 4, 5]).ints("p", &[0, 0, 1, 2, 0, 0, 3, 0]).weight("w", &[2, 3, 3, 3]);
    let net =
        net.node("Pad", &["x", "p"], "t", &[]).node("Conv", &["t", "w"], "y", &[ints("pads", &[0, 1, 0, 1])]);
    assert_eq!(check("Pad and Conv", net.clone()).graph.nodes.len(), 1);
    let net =
        net.node("Conv", &["t", "w"], "z", &[ints("pads", &[0, 1, 0, 1])]).node("Add", &["y", "z"], "s", &[]);
    assert_eq!(check("a Pad with two readers", net).graph.nodes.len(), 4);
}
