//! Sums of tensors, and arithmetic with constants that are the same at every position.

use crate::graph::{Activation, ChannelAffine, Op};
use crate::import::builder::{Builder, Call, Tracked, describe};
use crate::import::error::Fault;
use crate::import::layout::Axis;
use crate::import::tensor::floats;

pub(super) fn add(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    match constant_side(b, call)? {
        Some(side) => {
            let (x, shift) = tensor_and_channels(b, call, side)?;
            if merge_bias(b, call, &x, &shift)? {
                return Ok(());
            }
            affine(b, call, x, None, shift)
        }
        None => sum(b, call),
    }
}

pub(super) fn sub(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let Some(side) = constant_side(b, call)? else {
        return Err(two_tensors("add the tensors: train the negation into the layer before"));
    };
    let (x, constant) = tensor_and_channels(b, call, side)?;
    if side == 0 {
        return affine(b, call, x, Some(vec![-1.0; constant.len()]), constant);
    }
    let shift: Vec<_> = constant.iter().map(|v| -v).collect();
    if merge_bias(b, call, &x, &shift)? {
        return Ok(());
    }
    affine(b, call, x, None, shift)
}

pub(super) fn mul(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let Some(side) = constant_side(b, call)? else { return hard_swish(b, call) };
    let (x, scale) = tensor_and_channels(b, call, side)?;
    let shift = vec![0.0; scale.len()];
    affine(b, call, x, Some(scale), shift)
}

pub(super) fn div(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    match constant_side(b, call)? {
        Some(1) => {
            let (x, divisor) = tensor_and_channels(b, call, 1)?;
            let scale: Vec<_> = divisor.iter().map(|v| 1.0 / v).collect();
            if scale.iter().any(|v| !v.is_finite()) {
                return Err(Fault::form("the divisor holds a zero", "train without the division"));
            }
            let shift = vec![0.0; scale.len()];
            affine(b, call, x, Some(scale), shift)
        }
        Some(_) => Err(Fault::form("a constant is divided by a tensor", "train without the division")),
        None => Err(two_tensors("divide by a constant")),
    }
}

fn two_tensors(remedy: &str) -> Fault {
    Fault::form("both operands depend on the network's input; only Add takes two tensors", remedy)
}

/// Which operand is constant.
fn constant_side(b: &Builder, call: &Call) -> Result<Option<usize>, Fault> {
    call.attributes.finish()?;
    Ok((0..2).find(|&i| b.is_constant(call, i)))
}

/// The tensor operand, and the constant operand as one value per channel.
fn tensor_and_channels(b: &Builder, call: &Call, side: usize) -> Result<(Tracked, Vec<f32>), Fault> {
    let x = b.tensor(call, 1 - side)?;
    let constant = b.constant(call, side)?;
    let values = floats(&constant)?;
    let shape = b.graph.shape(x.id);
    let dims = b.dims(&x);
    let sizes = constant.shape();
    if sizes.len() > dims.len() {
        return Err(Fault::form(
            format!("the constant {sizes:?} has more dimensions than the tensor"),
            "drop its leading dimensions",
        ));
    }
    if let [value] = values.as_slice() {
        return Ok((x, vec![*value; shape.c]));
    }
    // Constants align with the last axes of the tensor.
    let first = dims.len() - sizes.len();
    for (i, &size) in sizes.iter().enumerate().filter(|(_, size)| **size != 1) {
        if size != dims[first + i] {
            return Err(Fault::invalid(format!("the constant {sizes:?} cannot be broadcast to {dims:?}")));
        }
        if x.layout.significant(shape, first + i) != [Axis::C] {
            return Err(Fault::form(
                format!("the constant {sizes:?} differs between positions of {dims:?}"),
                "use one value per channel",
            ));
        }
    }
    Ok((x, values))
}

fn affine(
    b: &mut Builder,
    call: &Call,
    x: Tracked,
    scale: Option<Vec<f32>>,
    shift: Vec<f32>,
) -> Result<(), Fault> {
    let shape = b.graph.shape(x.id);
    let scale = scale.unwrap_or_else(|| vec![1.0; shape.c]);
    b.add_node(call, Op::ChannelAffine(ChannelAffine { scale, shift }), vec![x.id], shape, x.layout)
}

/// A constant added to the result of a layer that nothing else reads is part of the layer's bias.
fn merge_bias(b: &mut Builder, call: &Call, x: &Tracked, shift: &[f32]) -> Result<bool, Fault> {
    if !b.sole_reader(x.id) {
        return Ok(false);
    }
    let Some(producer) = b.producer(x.id) else { return Ok(false) };
    let bias = match &mut producer.op {
        Op::Conv(conv) => &mut conv.bias,
        Op::Dense(dense) => &mut dense.bias,
        _ => return Ok(false),
    };
    if bias.len() != shift.len() {
        return Ok(false);
    }
    for (bias, shift) in bias.iter_mut().zip(shift) {
        *bias += shift;
    }
    let layer = producer.name.clone();
    b.note(format!("{}: merged into the bias of {layer}", call.name));
    b.merge_into_producer(call, x.id, x.layout.clone())?;
    Ok(true)
}

fn sum(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let (x, y) = (b.tensor(call, 0)?, b.tensor(call, 1)?);
    let (shape, other) = (b.graph.shape(x.id), b.graph.shape(y.id));
    if b.dims(&x) != b.dims(&y) {
        return Err(Fault::form(
            format!("the operands have the sizes {:?} and {:?}", b.dims(&x), b.dims(&y)),
            "add tensors of the same size",
        ));
    }
    if shape != other || !x.layout.same(&y.layout, shape) {
        return Err(Fault::form(
            format!(
                "the operands have the axes {} and {}",
                describe(&x.layout, shape),
                describe(&y.layout, other)
            ),
            "export with channels first (NCHW) and without transposes between the layers",
        ));
    }
    b.add_node(call, Op::Add, vec![x.id, y.id], shape, x.layout)
}

/// `x * HardSigmoid(x)` with slope 1/6, as exporters before opset 14 write HardSwish.
fn hard_swish(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let operands = [b.tensor(call, 0)?, b.tensor(call, 1)?];
    for (gate, x) in [(0, 1), (1, 0)] {
        let (gate, x) = (&operands[gate], &operands[x]);
        if !b.sole_reader(gate.id) {
            continue;
        }
        let Some(producer) = b.producer(gate.id) else { continue };
        let Op::Activation(Activation::HardSigmoid { alpha, beta }) = producer.op else { continue };
        // Exporters write 1/6 with few or many digits.
        if producer.inputs != [x.id] || (alpha - 1.0 / 6.0).abs() > 1e-6 || beta != 0.5 {
            continue;
        }
        let name = producer.name.clone();
        b.remove_producer(gate.id);
        b.note(format!("{name}: merged into {} as HardSwish", call.name));
        let shape = b.graph.shape(x.id);
        return b.add_node(call, Op::Activation(Activation::HardSwish), vec![x.id], shape, x.layout.clone());
    }
    Err(two_tensors("replace the gate (squeeze-and-excitation, SiLU) by HardSwish or Relu"))
}
