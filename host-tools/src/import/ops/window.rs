//! Slices, pads and concatenations.

use crate::graph::{Op, Shape, ValueId, Window};
use crate::import::builder::{Builder, Call, Tracked};
use crate::import::error::Fault;
use crate::import::layout::{Axis, length, set_length};
use crate::import::tensor::{integers, scalar};

use super::reshape::axis_index;

pub(super) fn concat(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let count = call.node.input.len();
    let parts = (0..count).map(|i| b.tensor(call, i)).collect::<Result<Vec<_>, _>>()?;
    let axis = call.attributes.int("axis", 1)?;
    call.attributes.finish()?;
    let Some(first) = parts.first() else { return Err(Fault::invalid("no inputs")) };
    let index = axis_index(axis, first.layout.0.len())?;
    if count == 1 {
        return b.alias(call, first.id, first.layout.clone());
    }
    let mut output = Shape { c: 0, ..b.graph.shape(first.id) };
    let mut layout = first.layout.clone();
    for part in &parts {
        let shape = b.graph.shape(part.id);
        if part.layout.0.len() != layout.0.len() || part.layout.name(shape, index) != Some(Axis::C) {
            return Err(Fault::attribute(
                "axis",
                axis,
                "only channels can be concatenated",
                "concatenate along the channels",
            ));
        }
        // Seen with the same number of channels, all must have the same axes.
        let alike = |s: Shape| Shape { c: 2, ..s };
        let (mut a, mut b) = (part.layout.clone(), layout.clone());
        a.rename(index, Axis::C);
        b.rename(index, Axis::C);
        if alike(shape) != alike(output) || !a.same(&b, alike(shape)) {
            return Err(Fault::form(
                "the inputs differ in more than their channels",
                "concatenate tensors of the same height and width",
            ));
        }
        output.c += shape.c;
    }
    layout.rename(index, Axis::C);
    b.add_node(call, Op::Concat, parts.iter().map(|p| p.id).collect(), output, layout)
}

pub(super) fn pad(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let a = &call.attributes;
    let mode = a.text("mode", "constant")?;
    if mode != "constant" {
        return Err(Fault::attribute("mode", mode, "", "pad with zeros"));
    }
    let rank = x.layout.0.len();
    let pads = match a.ints("pads")? {
        Some(list) => list.to_vec(),
        None => integers(&*b.constant(call, 1)?)?,
    };
    let fill = match (a.maybe_float("value")?, b.maybe_constant(call, 2)?) {
        (Some(value), _) => value,
        (None, Some(t)) => scalar(&t)?,
        (None, None) => 0.0,
    };
    a.finish()?;
    let axes = match b.maybe_constant(call, 3)? {
        None => (0..rank).collect(),
        Some(t) => integers(&t)?.iter().map(|&i| axis_index(i, rank)).collect::<Result<Vec<_>, _>>()?,
    };
    if pads.len() != 2 * axes.len() {
        return Err(Fault::invalid(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let mut cut = Cut::of(b, &x, fill);
    for (k, &index) in axes.iter().enumerate() {
        let (before, after) = (pads[k], pads[axes.len() + k]);
        if (before, after) == (0, 0) {
            continue;
        }
        let axis = cut.name(index)?;
        let size = length(cut.input, axis) as i64;
        let bounded = |p: i64| p > -size && p <= 1 << 20;
        if !bounded(before) || !bounded(after) || size + before + after < 1 {
            return Err(Fault::invalid(format!("pads {pads:?} are out of range")));
        }
        cut.set(index, axis, -before as isize, 1, (size + before + after) as usize)?;
    }
    cut.add(b, call)
}

pub(super) fn slice(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.tensor(call, 0)?;
    let a = &call.attributes;
    let rank = x.layout.0.len();
    let list = |index, name| match a.ints(name)? {
        Some(list) => Ok(Some(list.to_vec())),
        None => b.maybe_constant(call, index)?.map(|t| integers(&t)).transpose(),
    };
    let missing = || Fault::invalid("starts or ends are missing");
    let starts = list(1, "starts")?.ok_or_else(missing)?;
    let ends = list(2, "ends")?.ok_or_else(missing)?;
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    a.finish()?;
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(Fault::invalid("starts, ends, axes and steps differ in length"));
    }
    let mut cut = Cut::of(b, &x, 0.0);
    let dims = b.dims(&x);
    for (k, &axis) in axes.iter().enumerate() {
        let index = axis_index(axis, rank)?;
        let size = dims[index] as i64;
        if steps[k] < 1 {
            return Err(Fault::form(format!("step {}", steps[k]), "slice forwards"));
        }
        let clamp = |v: i64| if v < 0 { v.saturating_add(size) } else { v }.clamp(0, size);
        let (start, end) = (clamp(starts[k]), clamp(ends[k]));
        if start >= end {
            return Err(Fault::form(format!("nothing of axis {axis} is left"), "check starts and ends"));
        }
        let step = usize::try_from(steps[k].min(size)).unwrap_or(1);
        let left = ((end - start) as usize).div_ceil(step);
        if left == size as usize {
            continue;
        }
        let name = cut.name(index)?;
        cut.set(index, name, start as isize, step, left)?;
    }
    cut.add(b, call)
}

/// A [`Window`] being put together axis by axis.
struct Cut {
    x: Tracked,
    input: Shape,
    output: Shape,
    window: Window,
}

impl Cut {
    fn of(b: &Builder, x: &Tracked, fill: f32) -> Self {
        let shape = b.graph.shape(x.id);
        let window = Window { offset: [0; 3], stride: [1, 1], fill };
        Self { x: x.clone(), input: shape, output: shape, window }
    }

    /// The logical axis that an ONNX axis stands for.
    fn name(&self, index: usize) -> Result<Axis, Fault> {
        match self.x.layout.name(self.input, index) {
            Some(Axis::N) => Err(Fault::form("the batch is cut or padded", "leave the batch whole")),
            Some(axis) => Ok(axis),
            None => Err(Fault::form("a flattened axis is cut or padded", "cut before flattening")),
        }
    }

    fn set(
        &mut self,
        index: usize,
        axis: Axis,
        offset: isize,
        step: usize,
        length: usize,
    ) -> Result<(), Fault> {
        let place = match axis {
            Axis::H => 0,
            Axis::W => 1,
            _ => 2,
        };
        if place < 2 {
            self.window.stride[place] = step;
        } else if step != 1 && length > 1 {
            return Err(Fault::form(
                format!("step {step} over the channels"),
                "reorder the channels of the layer before",
            ));
        }
        self.window.offset[place] = offset;
        set_length(&mut self.output, axis, length);
        self.x.layout.rename(index, axis);
        Ok(())
    }

    /// Adds the node, merged with a window in front if one of both does the same.
    fn add(self, b: &mut Builder, call: &Call) -> Result<(), Fault> {
        let Cut { x, input, output, window } = self;
        if output == input && window.offset == [0; 3] {
            return b.alias(call, x.id, x.layout);
        }
        if let Some((source, merged, first)) = merge(b, x.id, &window, output) {
            b.remove_producer(x.id);
            b.note(format!("{first}: merged into {}", call.name));
            return b.add_node(call, Op::Window(merged), vec![source], output, x.layout);
        }
        b.add_node(call, Op::Window(window), vec![x.id], output, x.layout)
    }
}

/// One window that does what the producer of `id` (read by nobody else) and `second` do, if there is one.
fn merge(b: &mut Builder, id: ValueId, second: &Window, output: Shape) -> Option<(ValueId, Window, String)> {
    if !b.sole_reader(id) {
        return None;
    }
    let middle = b.graph.shape(id);
    let producer = b.producer(id)?;
    let (Op::Window(first), &[source]) = (&producer.op, producer.inputs.as_slice()) else { return None };
    let (first, name) = (*first, producer.name.clone());
    let input = b.graph.shape(source);

    let sizes = |s: Shape| [s.h, s.w, s.c];
    let stride = |w: &Window| [w.stride[0] as isize, w.stride[1] as isize, 1];
    let (mut offset, mut step) = ([0; 3], [1; 3]);
    let (mut first_pads, mut second_pads) = (false, false);
    for a in 0..3 {
        let (s1, s2) = (stride(&first)[a], stride(second)[a]);
        offset[a] = second.offset[a] * s1 + first.offset[a];
        step[a] = s1 * s2;
        let inside = |i: isize, s: Shape| i >= 0 && (i as usize) < sizes(s)[a];
        for y in 0..sizes(output)[a] as isize {
            let m = y * s2 + second.offset[a];
            let from_source = inside(m, middle) && inside(m * s1 + first.offset[a], input);
            second_pads |= !inside(m, middle);
            first_pads |= inside(m, middle) && !from_source;
            if from_source != inside(y * step[a] + offset[a], input) {
                return None;
            }
        }
    }
    if first_pads && second_pads && first.fill != second.fill {
        return None;
    }
    let fill = if first_pads { first.fill } else { second.fill };
    let stride = [step[0] as usize, step[1] as usize];
    Some((source, Window { offset, stride, fill }, name))
}
