//! Shapes, zero points, limits and geometries that the operators share.

use crate::conformance::arena::TENSOR_BYTES;
use crate::conformance::rng::Rng;
use crate::numerics::Clamp;
use crate::op::Geometry;
use crate::{Dims, Dtype, TensorSpec};

pub(super) const DTYPES: [Dtype; 3] = [Dtype::U4, Dtype::I8, Dtype::I16];

/// Largest channel count: more than two blocks of any register tiling.
pub(super) const MAX_CHANNELS: usize = 40;

/// Small and odd, sometimes long enough for the unrolled loop of a fast kernel and its rest.
pub(super) fn channels(rng: &mut Rng) -> u16 {
    if rng.one_in(4) { rng.size(10, MAX_CHANNELS as u16) } else { rng.size(1, 9) }
}

/// A tensor of up to 9x9 pixels; with many channels it has fewer.
pub(super) fn spec(rng: &mut Rng, dtype: Dtype, channels: u16) -> TensorSpec {
    let mut dims = Dims { h: rng.size(1, 9), w: rng.size(1, 9), c: channels };
    // Sometimes long one way: more than a fast kernel takes in one go.
    match rng.below(12) {
        0 => dims.h = rng.size(10, 40),
        1 => dims.w = rng.size(10, 140),
        _ => {}
    }
    shrink(TensorSpec { dims, dtype, zero: zero(rng, dtype) })
}

/// Fewer rows and columns, until a case's memory holds the tensor.
pub(super) fn shrink(mut spec: TensorSpec) -> TensorSpec {
    while spec.bytes().is_none_or(|bytes| bytes > TENSOR_BYTES) {
        if spec.dims.h > spec.dims.w {
            spec.dims.h -= 1;
        } else {
            spec.dims.w -= 1;
        }
    }
    spec
}

/// A zero point: often at an end of the range.
pub(super) fn zero(rng: &mut Rng, dtype: Dtype) -> i16 {
    let (lo, hi) = dtype.range();
    if dtype == Dtype::I16 {
        return 0;
    }
    let any = rng.between(lo, hi);
    rng.pick(&[lo, hi, 0, any]) as i16
}

/// Limits of a result: all of its type, a half, a narrow band, a single value.
pub(super) fn clamp(rng: &mut Rng, dtype: Dtype) -> Clamp {
    let (lo, hi) = dtype.range();
    let (a, b) = (rng.between(lo, hi), rng.between(lo, hi));
    let (lo, hi) = match rng.below(8) {
        0 => (a, a),
        1 => (a.min(b), a.max(b)),
        2 => (a, hi),
        3 => (lo, b),
        _ => (lo, hi),
    };
    Clamp { lo: lo as i16, hi: hi as i16 }
}

/// A clamp that `check` refuses for `dtype`.
pub(super) fn bad_clamp(rng: &mut Rng, dtype: Dtype) -> Clamp {
    match (dtype, rng.below(3)) {
        (Dtype::U4, 0) => Clamp { lo: -1, hi: 15 },
        (Dtype::U4, 1) => Clamp { lo: 0, hi: 16 },
        (Dtype::I8, 0) => Clamp { lo: -129, hi: 127 },
        (Dtype::I8, 1) => Clamp { lo: -128, hi: 128 },
        _ => Clamp { lo: 3, hi: 2 },
    }
}

/// Mostly bytes: the types that fast kernels are made for.
pub(super) fn likely_type(rng: &mut Rng) -> Dtype {
    if rng.one_in(2) { Dtype::I8 } else { rng.pick(&DTYPES) }
}

/// Kernels as networks have them.
pub(super) fn likely_geometry(rng: &mut Rng) -> Geometry {
    let (kernel, stride) = (rng.pick(&[3, 3, 3, 5]), rng.pick(&[1, 2]));
    let pad = [rng.size(0, 2) as u8, rng.size(0, 2) as u8];
    Geometry { kernel: [kernel; 2], stride: [stride; 2], dilation: [1, 1], pad }
}

/// Kernels up to 5x5 and 1xk, padding that may be larger than the kernel.
pub(super) fn geometry(rng: &mut Rng) -> Geometry {
    let mut pair = |lo, hi| [rng.size(lo, hi) as u8, rng.size(lo, hi) as u8];
    Geometry { kernel: pair(1, 5), stride: pair(1, 3), dilation: pair(1, 2), pad: pair(0, 6) }
}

/// Sets one entry to zero where none may be.
pub(super) fn bad_geometry(rng: &mut Rng, geometry: &mut Geometry) {
    let axis = rng.below(2) as usize;
    match rng.below(3) {
        0 => geometry.kernel[axis] = 0,
        1 => geometry.stride[axis] = 0,
        _ => geometry.dilation[axis] = 0,
    }
}

/// Shape of a result under `geometry`: what a network would have, or any other, which only reads more padding.
pub(super) fn windows(
    rng: &mut Rng,
    geometry: &Geometry,
    x: &TensorSpec,
    dtype: Dtype,
    channels: u16,
) -> TensorSpec {
    let mut spec = spec(rng, dtype, channels);
    if rng.one_in(2) {
        let size = |axis: usize, size: u16| {
            let reach = u16::from(geometry.kernel[axis] - 1) * u16::from(geometry.dilation[axis]) + 1;
            let padded = size + 2 * u16::from(geometry.pad[axis]);
            padded.saturating_sub(reach) / u16::from(geometry.stride[axis]) + 1
        };
        (spec.dims.h, spec.dims.w) = (size(0, x.dims.h), size(1, x.dims.w));
    }
    shrink(spec)
}

/// The same shape as another operand has it: any type that the case's memory holds.
pub(super) fn retyped(rng: &mut Rng, spec: TensorSpec) -> TensorSpec {
    let dtype = likely_type(rng);
    let other = TensorSpec { dims: spec.dims, dtype, zero: zero(rng, dtype) };
    if other.bytes().is_some_and(|bytes| bytes <= 2 * TENSOR_BYTES) { other } else { spec }
}

/// One pixel with another channel count: a shape that contradicts `spec` everywhere.
pub(super) fn stranger(spec: TensorSpec) -> TensorSpec {
    TensorSpec { dims: Dims { h: 1, w: 1, c: spec.dims.c + 1 }, ..spec }
}
