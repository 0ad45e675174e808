//! Convolutions: weights move from `[cout, cin / groups, kh, kw]` to `[cout, kh, kw, cin / groups]`,
//! a zero Pad in front is merged.

use crate::graph::{Conv, Op, Padding, Shape, ValueId};
use crate::import::builder::{Builder, Call};
use crate::import::error::Fault;
use crate::import::tensor::floats;

use super::geometry;

pub(super) fn conv(b: &mut Builder, call: &Call) -> Result<(), Fault> {
    let x = b.channels_first(call, 0)?;
    let weights = b.constant(call, 1)?;
    let bias = b.maybe_constant(call, 2)?;
    let spatial = x.layout.0.len() - 2;
    let input = b.graph.shape(x.id);
    let (cout, per_group, kernel) = match (spatial, weights.shape()) {
        (1, &[o, i, w]) => (o, i, [1, w]),
        (2, &[o, i, h, w]) => (o, i, [h, w]),
        (_, shape) => {
            return Err(Fault::invalid(format!("weights {shape:?} do not fit {spatial} spatial axes")));
        }
    };
    if weights.len() == 0 {
        return Err(Fault::invalid("the weights are empty"));
    }
    let groups = call.attributes.int("group", 1)?;
    let groups = usize::try_from(groups)
        .ok()
        .filter(|&g| g > 0 && cout % g == 0 && g.checked_mul(per_group) == Some(input.c));
    let groups = groups.ok_or_else(|| {
        Fault::invalid(format!(
            "weights {:?} and group do not fit {} input channels",
            weights.shape(),
            input.c
        ))
    })?;
    let g = geometry::read(call, spatial, input, Some(kernel))?;
    call.attributes.finish()?;

    let bias = match bias {
        None => vec![0.0; cout],
        Some(t) => floats(&t)?,
    };
    if bias.len() != cout {
        return Err(Fault::invalid(format!("{} biases for {cout} output channels", bias.len())));
    }
    let weight = taps_before_channels(&floats(&weights)?, per_group, kernel[0] * kernel[1]);
    let (source, padding) = absorb_pad(b, call, x.id, g.padding);
    let conv = Conv { weight, bias, cout, kernel, stride: g.stride, dilation: g.dilation, padding, groups };
    let shape = Shape::new(g.output[0], g.output[1], cout);
    b.add_node(call, Op::Conv(conv), vec![source], shape, x.layout)
}

/// `[cout, channels, taps]` to `[cout, taps, channels]`.
fn taps_before_channels(weight: &[f32], channels: usize, taps: usize) -> Vec<f32> {
    let filters = weight.chunks_exact(channels * taps);
    filters.flat_map(|f| (0..taps).flat_map(move |t| (0..channels).map(move |c| f[c * taps + t]))).collect()
}

/// A Pad with zeros that only this convolution reads becomes part of its padding.
fn absorb_pad(b: &mut Builder, call: &Call, id: ValueId, own: Padding) -> (ValueId, Padding) {
    let none = (id, own);
    if !b.sole_reader(id) {
        return none;
    }
    let padded = b.graph.shape(id);
    let Some(producer) = b.producer(id) else { return none };
    let (Op::Window(w), &[source]) = (&producer.op, producer.inputs.as_slice()) else { return none };
    let (w, pad_name) = (*w, producer.name.clone());
    let inner = b.graph.shape(source);
    if w.fill != 0.0 || w.stride != [1, 1] || w.offset[2] != 0 || inner.c != padded.c {
        return none;
    }
    let around = |outer: usize, inner: usize, offset: isize| {
        let before = usize::try_from(-offset).ok()?;
        Some((before, outer.checked_sub(inner + before)?))
    };
    let (Some((top, bottom)), Some((left, right))) =
        (around(padded.h, inner.h, w.offset[0]), around(padded.w, inner.w, w.offset[1]))
    else {
        return none;
    };
    b.remove_producer(id);
    b.note(format!("{pad_name}: merged into the padding of {}", call.name));
    let padding = Padding {
        top: own.top + top,
        left: own.left + left,
        bottom: own.bottom + bottom,
        right: own.right + right,
    };
    (source, padding)
}
