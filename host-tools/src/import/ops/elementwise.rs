//! Activations.

use crate::graph::{Activation, Op};
use crate::import::builder::{Builder, Call};
use crate::import::error::Fault;
use crate::import::tensor::scalar;

/// Adds an activation of operand `index`.
fn add(b: &mut Builder, call: &Call, index: usize, activation: Activation) -> Result<(), Fault> {
    call.attributes.finish()?;
    let x = b.tensor(call, index)?;
    let shape = b.graph.shape(x.id);
    b.add_node(call, Op::Activation(activation), vec![x.id], shape, x.layout)
}

pub(super) fn relu(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    add(b, call, 0, Activation::Clip { lo: 0.0, hi: f32::INFINITY })
}

pub(super) fn clip(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let bound = |index, name| match b.maybe_constant(call, index)? {
        Some(t) => scalar(&t).map(Some),
        None => call.attributes.maybe_float(name),
    };
    let lo = bound(1, "min")?.unwrap_or(f32::NEG_INFINITY);
    let hi = bound(2, "max")?.unwrap_or(f32::INFINITY);
    if lo.is_nan() || hi.is_nan() || lo > hi {
        return Err(Fault::invalid(format!("the bounds {lo} and {hi} are not ordered")));
    }
    add(b, call, 0, Activation::Clip { lo, hi })
}

pub(super) fn min(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let (index, hi) = with_scalar(b, call)?;
    add(b, call, index, Activation::Clip { lo: f32::NEG_INFINITY, hi })
}

pub(super) fn max(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let (index, lo) = with_scalar(b, call)?;
    add(b, call, index, Activation::Clip { lo, hi: f32::INFINITY })
}

/// The index of the tensor, and the constant that it is compared with.
fn with_scalar(b: &Builder, call: &Call) -> Result<(usize, f32), Fault> {
    let index = usize::from(b.is_constant(call, 0));
    if call.node.input.len() != 2 || !b.is_constant(call, 1 - index) {
        return Err(Fault::form("the operands are not a tensor and a constant", "use Relu or Clip"));
    }
    let constant = b.constant(call, 1 - index)?;
    if constant.len() != 1 {
        return Err(Fault::form("the bound differs between elements", "use one bound: Relu or Clip"));
    }
    Ok((index, scalar(&constant)?))
}

pub(super) fn leaky_relu(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let slope = call.attributes.float("alpha", 0.01)?;
    add(b, call, 0, Activation::LeakyRelu { slope })
}

pub(super) fn prelu(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let slopes = b.constant(call, 1)?;
    if slopes.len() != 1 {
        return Err(Fault::form(
            format!("{} slopes, one is supported", slopes.len()),
            "train with one slope (nn.PReLU(1)) or LeakyRelu",
        ));
    }
    add(b, call, 0, Activation::LeakyRelu { slope: scalar(&slopes)? })
}

pub(super) fn sigmoid(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    add(b, call, 0, Activation::Sigmoid)
}

pub(super) fn tanh(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    add(b, call, 0, Activation::Tanh)
}

pub(super) fn hard_sigmoid(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let (alpha, beta) = (call.attributes.float("alpha", 0.2)?, call.attributes.float("beta", 0.5)?);
    add(b, call, 0, Activation::HardSigmoid { alpha, beta })
}

pub(super) fn hard_swish(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    add(b, call, 0, Activation::HardSwish)
}
