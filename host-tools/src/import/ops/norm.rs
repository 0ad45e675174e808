//! Batch normalisation and the final softmax.

use crate::graph::{BatchNorm, Op};
use crate::import::builder::{Builder, Call};
use crate::import::error::Fault;
use crate::import::layout::Axis;
use crate::import::tensor::floats;

pub(super) fn batch_norm(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.channels_first(call, 0)?;
    let a = &call.attributes;
    let epsilon = a.float("epsilon", 1e-5)?;
    let eval = "export in evaluation mode: model.eval()";
    if a.flag("training_mode", false)? {
        return Err(Fault::attribute("training_mode", 1, "", eval));
    }
    // Old opsets: statistics per element, and the mode of Caffe2.
    if a.int("spatial", 1)? != 1 {
        return Err(Fault::attribute("spatial", 0, "", "export with opset 9 or later"));
    }
    if a.int("is_test", 1)? != 1 {
        return Err(Fault::attribute("is_test", 0, "", eval));
    }
    a.ignore(&["momentum"]);
    a.finish()?;
    let shape = b.graph.shape(x.id);
    let mut parts = [1, 2, 3, 4].map(|i| b.constant(call, i).and_then(|t| floats(&t))).into_iter();
    let mut next = || {
        let values = parts.next().unwrap_or(Ok(vec![]))?;
        if values.len() != shape.c {
            return Err(Fault::invalid(format!("{} parameters for {} channels", values.len(), shape.c)));
        }
        Ok(values)
    };
    let op = BatchNorm { gamma: next()?, beta: next()?, mean: next()?, var: next()?, epsilon };
    if op.var.iter().any(|v| v + epsilon <= 0.0) {
        return Err(Fault::invalid("a stored variance is not positive"));
    }
    b.add_node(call, Op::BatchNorm(op), vec![x.id], shape, x.layout)
}

pub(super) fn softmax(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    over_channels(b, call, Op::Softmax)
}

pub(super) fn log_softmax(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    over_channels(b, call, Op::LogSoftmax)
}

fn over_channels(b: &mut Builder, call: &Call, op: Op) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let rank = x.layout.0.len();
    let axis = call.attributes.int("axis", if b.opset < 13 { 1 } else { -1 })?;
    call.attributes.finish()?;
    let first = super::reshape::axis_index(axis, rank)?;
    // Before opset 13 the sum runs over all axes from `axis` on.
    let last = if b.opset < 13 { rank } else { first + 1 };
    let shape = b.graph.shape(x.id);
    let axes: Vec<_> = (first..last).flat_map(|i| x.layout.significant(shape, i)).collect();
    if axes != [Axis::C] && !(axes.is_empty() && shape.c == 1) {
        return Err(Fault::attribute(
            "axis",
            axis,
            "the sum does not run over the channels",
            "apply it to the logits [N, classes]",
        ));
    }
    b.add_node(call, op, vec![x.id], shape, x.layout)
}
