//! Operators that change only how a tensor is seen: they become layouts, or a reshape in storage order.

use tract_onnx::pb::tensor_proto::DataType;

use crate::graph::Op;
use crate::import::builder::{Builder, Call, Tracked, describe};
use crate::import::error::Fault;
use crate::import::layout::{Axis, Layout};
use crate::import::tensor::{integers, scalar};

/// A possibly negative ONNX axis as an index.
pub(super) fn axis_index(axis: i64, rank: usize) -> Result<usize, Fault> {
    let index = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(index)
        .ok()
        .filter(|&i| i < rank)
        .ok_or_else(|| Fault::invalid(format!("axis {axis} of a tensor with {rank} dimensions")))
}

/// The output of `call` has the elements of `x` under new ONNX dimensions.
fn view(b: &mut Builder, call: &Call, x: Tracked, dims: &[usize]) -> Result<(), Fault> {
    let shape = b.graph.shape(x.id);
    let batch_first = x.layout.0.first().is_some_and(|g| g.contains(&Axis::N));
    if batch_first && dims.first() != Some(&1) {
        return Err(Fault::form(
            format!("{:?} becomes {dims:?}: the batch is mixed with other dimensions", b.dims(&x)),
            "keep the batch as the first dimension",
        ));
    }
    if let Some(layout) = x.layout.reshape(shape, dims) {
        return b.alias(call, x.id, layout);
    }
    if x.layout.is_linear(shape)
        && let Some((target, layout)) = Layout::fresh(dims)
    {
        return b.add_node(call, Op::Reshape, vec![x.id], target, layout);
    }
    Err(Fault::form(
        format!("{} becomes {dims:?}: an axis would have to be split and moved", describe(&x.layout, shape)),
        "keep height, width and channels apart (no channel shuffle, no patches)",
    ))
}

pub(super) fn flatten(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let axis = call.attributes.int("axis", 1)?;
    call.attributes.finish()?;
    let dims = b.dims(&x);
    let split = if axis == dims.len() as i64 { dims.len() } else { axis_index(axis, dims.len())? };
    let dims = [dims[..split].iter().product(), dims[split..].iter().product()];
    view(b, call, x, &dims)
}

pub(super) fn reshape(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let allow_zero = call.attributes.flag("allowzero", false)?;
    let wanted = match call.attributes.ints("shape")? {
        Some(list) => list.to_vec(),
        None => integers(&*b.constant(call, 1)?)?,
    };
    call.attributes.finish()?;
    let dims = b.dims(&x);
    let total: usize = dims.iter().product();
    let bad = || Fault::invalid(format!("{dims:?} cannot become {wanted:?}"));
    let mut result = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (i, &want) in wanted.iter().enumerate() {
        result.push(match want {
            -1 if free.is_none() => {
                free = Some(i);
                1
            }
            0 if !allow_zero => *dims.get(i).ok_or_else(bad)?,
            _ => usize::try_from(want).ok().filter(|&w| w > 0).ok_or_else(bad)?,
        });
    }
    let fixed = result.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(bad)?;
    match free {
        Some(i) if total.is_multiple_of(fixed) => result[i] = total / fixed,
        None if total == fixed => {}
        _ => return Err(bad()),
    }
    view(b, call, x, &result)
}

/// The axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since.
fn axes(b: &Builder, call: &Call) -> Result<Option<Vec<i64>>, Fault> {
    let list = call.attributes.ints("axes")?;
    call.attributes.finish()?;
    match list {
        Some(list) => Ok(Some(list.to_vec())),
        None => b.maybe_constant(call, 1)?.map(|t| integers(&t)).transpose(),
    }
}

pub(super) fn squeeze(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let dims = b.dims(&x);
    let mut drop = vec![false; dims.len()];
    match axes(b, call)? {
        Some(list) => {
            for axis in list {
                let i = axis_index(axis, dims.len())?;
                if dims[i] != 1 {
                    return Err(Fault::invalid(format!("axis {axis} of {dims:?} is not 1")));
                }
                drop[i] = true;
            }
        }
        // Without axes the batch would go too where it is one; the network is meant for any batch.
        None => (1..dims.len()).for_each(|i| drop[i] = dims[i] == 1),
    }
    let kept = x.layout.0.iter().zip(&drop).filter(|(_, drop)| !**drop).map(|(group, _)| group.clone());
    let layout = Layout(kept.collect());
    b.alias(call, x.id, layout)
}

pub(super) fn unsqueeze(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let list = axes(b, call)?.ok_or_else(|| Fault::invalid("axes are missing"))?;
    let rank = x.layout.0.len() + list.len();
    let mut new = vec![false; rank];
    for &axis in &list {
        let i = axis_index(axis, rank)?;
        if std::mem::replace(&mut new[i], true) {
            return Err(Fault::invalid(format!("axes {list:?} repeat")));
        }
    }
    let mut old = x.layout.0.iter();
    let groups = new.iter().map(|&new| if new { vec![] } else { old.next().cloned().unwrap_or_default() });
    let layout = Layout(groups.collect());
    b.alias(call, x.id, layout)
}

pub(super) fn transpose(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let rank = x.layout.0.len();
    let order = match call.attributes.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(perm) => perm.iter().map(|&p| axis_index(p, rank)).collect::<Result<Vec<_>, _>>()?,
    };
    call.attributes.finish()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(Fault::invalid(format!("perm {order:?} is no permutation of {rank} axes")));
    }
    let layout = Layout(order.iter().map(|&i| x.layout.0[i].clone()).collect());
    let shape = b.graph.shape(x.id);
    b.note(format!("{}: transpose absorbed, axes are {}", call.name, describe(&layout, shape)));
    b.alias(call, x.id, layout)
}

pub(super) fn identity(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    call.attributes.finish()?;
    let x = b.tensor(call, 0)?;
    b.alias(call, x.id, x.layout)
}

pub(super) fn dropout(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    call.attributes.ignore(&["ratio", "seed", "is_test"]);
    if let Some(training) = b.maybe_constant(call, 2)? {
        let training = training.cast_to::<f32>().map_err(|e| Fault::invalid(e.to_string()))?;
        if scalar(&training)? != 0.0 {
            return Err(Fault::form(
                "the node is in training mode",
                "export in evaluation mode: model.eval()",
            ));
        }
    }
    identity(b, call)
}

pub(super) fn cast(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let to = call.attributes.int("to", 0)?;
    call.attributes.ignore(&["saturate"]);
    if to != DataType::Float as i64 {
        let name = i32::try_from(to).ok().and_then(|t| DataType::try_from(t).ok());
        let name = name.map_or(to.to_string(), |t| t.as_str_name().into());
        return Err(Fault::attribute(
            "to",
            name,
            "only FLOAT tensors flow through the network",
            "export in float32",
        ));
    }
    identity(b, call)
}
