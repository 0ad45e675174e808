//! Moves between channels first and last, flattening, and constant sub-graphs.

use super::check;
use super::net::{Net, int, ints};
use crate::graph::{Op, Shape};

#[test]
fn dense_weights_follow_the_layout() {
    let net = Net::new(&[1, 3, 4, 5]).weight("w", &[60, 7]);
    let flat = net.node("Flatten", &["x"], "f", &[]);
    let imported = check("Flatten", flat.node("Gemm", &["f", "w"], "y", &[]));
    assert!(matches!(imported.graph.nodes.as_slice(), [n] if matches!(n.op, Op::Dense(_))));
}

#[test]
fn channels_last_before_flattening() {
    let net = Net::new(&[1, 3, 4, 5]).weight("w", &[60, 7]).ints("shape", &[-1, 60]);
    let net =
        net.node("Relu", &["x"], "r", &[]).node("Transpose", &["r"], "t", &[ints("perm", &[0, 2, 3, 1])]);
    check("Transpose", net.node("Reshape", &["t", "shape"], "f", &[]).node("MatMul", &["f", "w"], "y", &[]));
}

#[test]
fn input_with_channels_last() {
    let net = Net::new(&[1, 4, 5, 3]).weight("w", &[2, 3, 3, 3]);
    let net = net.node("Transpose", &["x"], "t", &[ints("perm", &[0, 3, 1, 2])]);
    let net = net.node("Conv", &["t", "w"], "c", &[]);
    let imported = check("NHWC", net.node("Transpose", &["c"], "y", &[ints("perm", &[0, 2, 3, 1])]));
    assert_eq!(imported.graph.shape(imported.graph.input), Shape::new(4, 5, 3));
}

#[test]
fn features_become_an_image() {
    let net = Net::new(&[1, 490]).weight("w", &[2, 1, 10, 4]).ints("shape", &[0, 1, 49, 10]);
    let net = net.node("Reshape", &["x", "shape"], "r", &[]);
    let imported = check("Reshape", net.node("Conv", &["r", "w"], "y", &[ints("strides", &[2, 2])]));
    assert!(imported.graph.values.iter().any(|v| v.shape == Shape::new(49, 10, 1)));
    let net = Net::new(&[1, 49, 10]).weight("w", &[2, 1, 10, 4]).ints("axes", &[1]);
    check("Unsqueeze", net.node("Unsqueeze", &["x", "axes"], "r", &[]).node("Conv", &["r", "w"], "y", &[]));
}

#[test]
fn pooled_vectors() {
    let net = Net::new(&[1, 3, 4, 5]).weight("w", &[3, 2]).ints("axes", &[2, 3]);
    let net = net.node("GlobalAveragePool", &["x"], "p", &[]);
    let squeezed = net.clone().node("Squeeze", &["p", "axes"], "s", &[]);
    check("Squeeze", squeezed.node("MatMul", &["s", "w"], "y", &[]));
    let old = net.opset(11).node("Squeeze", &["p"], "s", &[ints("axes", &[2, 3])]);
    check("Squeeze before opset 13", old.node("MatMul", &["s", "w"], "y", &[]));
}

#[test]
fn a_matrix_for_every_position() {
    let net = Net::new(&[1, 6, 3]).weight("w", &[3, 4]).weight("v", &[4, 2, 3]);
    let net = net.node("MatMul", &["x", "w"], "m", &[]);
    let imported = check("MatMul", net.node("Transpose", &["m"], "y", &[ints("perm", &[0, 2, 1])]));
    assert_eq!(imported.graph.shape(imported.graph.output).c, 4);
}

#[test]
fn computed_shapes_are_constants() {
    let net = Net::new(&[1, 3, 4, 5]).ints("i", &[0]).ints("rest", &[-1]).weight("w", &[60, 2]);
    let net = net.node("Shape", &["x"], "s", &[]).node("Gather", &["s", "i"], "n", &[int("axis", 0)]);
    let net = net.node("Concat", &["n", "rest"], "shape", &[int("axis", 0)]);
    let imported =
        check("Shape", net.node("Reshape", &["x", "shape"], "f", &[]).node("MatMul", &["f", "w"], "y", &[]));
    assert!(imported.log[0].starts_with("3 constant nodes folded"), "{:?}", imported.log);
}

#[test]
fn layout_only_nodes_vanish() {
    let net = Net::new(&[1, 3, 4, 5]).node("Identity", &["x"], "i", &[]).node("Dropout", &["i"], "d", &[]);
    let imported =
        check("Identity", net.node("Cast", &["d"], "c", &[int("to", 1)]).node("Relu", &["c"], "y", &[]));
    assert_eq!(imported.graph.nodes.len(), 1);
}
