//! Fully connected layers: weights become `[outputs, inputs]` with the inputs in storage order.

use crate::graph::{Conv, Dense, Op, Padding, Shape};
use crate::import::builder::{Builder, Call, Tracked};
use crate::import::error::Fault;
use crate::import::layout::{Axis, Layout};
use crate::import::tensor::floats;

pub(super) fn gemm(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let weights = b.constant(call, 1)?;
    let bias = b.maybe_constant(call, 2)?;
    let a = &call.attributes;
    let (alpha, beta) = (a.float("alpha", 1.0)?, a.float("beta", 1.0)?);
    if a.flag("transA", false)? {
        return Err(Fault::attribute("transA", 1, "", "transpose the weights instead"));
    }
    let transposed = a.flag("transB", false)?;
    a.finish()?;
    let &[rows, columns] = weights.shape() else {
        return Err(Fault::invalid(format!("weights {:?} are not a matrix", weights.shape())));
    };
    if x.layout.0.len() != 2 {
        return Err(Fault::invalid("the input is not a matrix"));
    }
    let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
    let matrix = floats(&weights)?;
    let at = |o: usize, i: usize| {
        alpha * if transposed { matrix[o * inputs + i] } else { matrix[i * outputs + o] }
    };
    let bias = match bias {
        None => vec![0.0; outputs],
        Some(t) => {
            let values = floats(&t)?;
            match t.shape() {
                [] | [1] | [1, 1] => vec![values[0]; outputs],
                [n] | [1, n] if *n == outputs => values,
                shape => return Err(Fault::invalid(format!("bias {shape:?} for {outputs} outputs"))),
            }
        }
    };
    let bias = bias.iter().map(|v| beta * v).collect();
    dense(b, call, x, inputs, outputs, at, bias)
}

pub(super) fn matmul(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    call.attributes.finish()?;
    let x = b.tensor(call, 0)?;
    let weights = b.constant(call, 1)?;
    let (inputs, outputs) = match weights.shape() {
        [leading @ .., k, n] if leading.iter().all(|&d| d == 1) && leading.len() + 2 <= x.layout.0.len() => {
            (*k, *n)
        }
        shape => {
            return Err(Fault::form(
                format!("weights {shape:?} are not a matrix"),
                "use one matrix for all positions",
            ));
        }
    };
    let matrix = floats(&weights)?;
    let shape = b.graph.shape(x.id);
    let last = x.layout.0.len() - 1;
    if (0..last).all(|i| x.layout.significant(shape, i).is_empty()) {
        return dense(b, call, x, inputs, outputs, |o, i| matrix[i * outputs + o], vec![0.0; outputs]);
    }
    if x.layout.significant(shape, last) != [Axis::C] || shape.c != inputs {
        return Err(Fault::form(
            "the matrix is applied along another axis than the channels",
            "apply a convolution along that axis",
        ));
    }
    // One matrix for every position is a convolution of one tap.
    let conv = Conv {
        weight: (0..outputs * inputs).map(|i| matrix[i % inputs * outputs + i / inputs]).collect(),
        bias: vec![0.0; outputs],
        cout: outputs,
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        padding: Padding::default(),
        groups: 1,
    };
    b.add_node(call, Op::Conv(conv), vec![x.id], Shape { c: outputs, ..shape }, x.layout)
}

/// Adds a dense layer over all elements of `x`; `at(output, input)` is the weight in ONNX order.
fn dense(
    b: &mut Builder,
    call: &Call,
    x: Tracked,
    inputs: usize,
    outputs: usize,
    at: impl Fn(usize, usize) -> f32,
    bias: Vec<f32>,
) -> Result<(), Fault> {
    let shape = b.graph.shape(x.id);
    let last = x.layout.0.len() - 1;
    if !(0..last).all(|i| x.layout.significant(shape, i).is_empty()) {
        return Err(Fault::form(
            "the layer is applied to several rows",
            "keep the batch as the first dimension",
        ));
    }
    if inputs != shape.len() || outputs == 0 {
        return Err(Fault::invalid(format!("weights for {inputs} inputs, the input has {}", shape.len())));
    }
    let order = Layout::storage_order(&x.layout.0[last], shape);
    if !x.layout.is_linear(shape) {
        b.note(format!("{}: weights permuted to the (h, w, c) order of its input {shape}", call.name));
    }
    let mut weight = vec![0.0; outputs * inputs];
    for (o, row) in weight.chunks_exact_mut(inputs).enumerate() {
        for (i, &stored) in order.iter().enumerate() {
            row[stored] = at(o, i);
        }
    }
    let mut groups = vec![vec![]; last];
    groups[0] = vec![Axis::N];
    groups.push(vec![Axis::C]);
    let op = Op::Dense(Dense { weight, bias, outputs, inputs });
    b.add_node(call, op, vec![x.id], Shape::new(1, 1, outputs), Layout(groups))
}
