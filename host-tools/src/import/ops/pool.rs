//! Pooling over windows, and reductions over rows and columns as windows of their size.

use crate::graph::{Op, Padding, Pool, PoolKind, Shape};
use crate::import::builder::{Builder, Call};
use crate::import::error::Fault;
use crate::import::layout::{Axis, Layout, length};
use crate::import::tensor::integers;

use super::geometry;
use super::reshape::axis_index;

const AVERAGE: PoolKind = PoolKind::Average { count_padding: false };

pub(super) fn max_pool(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    // The order of the second output, which is refused.
    call.attributes.ignore(&["storage_order"]);
    windows(b, call, PoolKind::Max)
}

pub(super) fn average_pool(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let count_padding = call.attributes.flag("count_include_pad", false)?;
    windows(b, call, PoolKind::Average { count_padding })
}

fn windows(b: &mut Builder, call: &Call, kind: PoolKind) -> Result<(), Fault> {
    let x = b.channels_first(call, 0)?;
    let shape = b.graph.shape(x.id);
    let g = geometry::read(call, x.layout.0.len() - 2, shape, None)?;
    call.attributes.finish()?;
    if g.dilation != [1, 1] {
        return Err(Fault::attribute("dilations", format!("{:?}", g.dilation), "", "pool without dilation"));
    }
    let p = g.padding;
    if p.top >= g.kernel[0] || p.left >= g.kernel[1] || p.bottom >= g.kernel[0] || p.right >= g.kernel[1] {
        return Err(Fault::invalid("a window lies wholly in the padding"));
    }
    let kind = match kind {
        // Frameworks differ in whether the rows that ceil_mode adds count.
        PoolKind::Average { count_padding: true } if g.extended => {
            return Err(Fault::attribute(
                "ceil_mode",
                1,
                "together with count_include_pad",
                "set one of them to 0",
            ));
        }
        PoolKind::Average { count_padding } => {
            PoolKind::Average { count_padding: count_padding && p != Padding::default() }
        }
        PoolKind::Max => kind,
    };
    let pool = Pool { kind, kernel: g.kernel, stride: g.stride, padding: p };
    let output = Shape::new(g.output[0], g.output[1], shape.c);
    b.add_node(call, Op::Pool(pool), vec![x.id], output, x.layout)
}

pub(super) fn global_average_pool(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    global(b, call, AVERAGE)
}

pub(super) fn global_max_pool(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    global(b, call, PoolKind::Max)
}

fn global(b: &mut Builder, call: &Call, kind: PoolKind) -> Result<(), Fault> {
    call.attributes.finish()?;
    let x = b.channels_first(call, 0)?;
    let shape = b.graph.shape(x.id);
    let pool = Pool { kind, kernel: [shape.h, shape.w], stride: [1, 1], padding: Padding::default() };
    b.add_node(call, Op::Pool(pool), vec![x.id], Shape::new(1, 1, shape.c), x.layout)
}

pub(super) fn reduce_mean(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    reduce(b, call, AVERAGE)
}

pub(super) fn reduce_max(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    reduce(b, call, PoolKind::Max)
}

fn reduce(b: &mut Builder, call: &Call, kind: PoolKind) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let a = &call.attributes;
    let rank = x.layout.0.len();
    let keep = a.flag("keepdims", true)?;
    let nothing_without_axes = a.flag("noop_with_empty_axes", false)?;
    let axes = match (a.ints("axes")?, b.maybe_constant(call, 1)?) {
        (Some(list), _) => list.to_vec(),
        (None, Some(t)) => integers(&t)?,
        (None, None) => vec![],
    };
    a.finish()?;
    if axes.is_empty() {
        if nothing_without_axes {
            return b.alias(call, x.id, x.layout);
        }
        return Err(Fault::form(
            "the reduction runs over all axes, the batch included",
            "give the axes of height and width",
        ));
    }
    let mut reduced = vec![false; rank];
    for &axis in &axes {
        reduced[axis_index(axis, rank)?] = true;
    }
    let shape = b.graph.shape(x.id);
    let mut kernel = [1, 1];
    let mut groups = vec![];
    for (i, group) in x.layout.0.iter().enumerate() {
        if !reduced[i] {
            groups.push(group.clone());
            continue;
        }
        if group.contains(&Axis::N) {
            return Err(Fault::form(
                "the reduction runs over the batch",
                "give the axes of height and width",
            ));
        }
        for axis in x.layout.significant(shape, i) {
            match axis {
                Axis::H => kernel[0] = length(shape, axis),
                Axis::W => kernel[1] = length(shape, axis),
                _ => {
                    return Err(Fault::form(
                        "the reduction runs over the channels",
                        "reduce height and width only, or use a 1x1 convolution",
                    ));
                }
            }
        }
        if keep {
            groups.push(group.clone());
        }
    }
    let output = Shape::new(shape.h / kernel[0], shape.w / kernel[1], shape.c);
    let pool = Pool { kind, kernel, stride: [1, 1], padding: Padding::default() };
    b.add_node(call, Op::Pool(pool), vec![x.id], output, Layout(groups))
}
