//! Naive references, one element at a time, written from the formulas of docs/numerics.md in wide arithmetic.
//! They share no arithmetic with the kernels: only element access and the unpacking of weights.

mod accumulate;
mod elementwise;
mod pool;

pub(super) use accumulate::{conv2d, dense, depthwise};
pub(super) use elementwise::{add, argmax, concat, rescale, table, window};
pub(super) use pool::{average_pool, max_pool};

use crate::numerics::Clamp;
use crate::op::Geometry;
use crate::{Tensor, TensorSpec};

/// Row, column and channel of an element.
type At = [usize; 3];

/// The 32-bit two's complement number that `value` wraps to.
fn wrap(value: i64) -> i64 {
    let low = value.rem_euclid(1 << 32);
    if low < 1 << 31 { low } else { low - (1 << 32) }
}

/// `clamp(floor(value / 2^shift))`.
fn scale_down(value: i128, shift: u8, clamp: Clamp) -> i32 {
    let floor = value.div_euclid(1 << shift);
    floor.clamp(i128::from(clamp.lo), i128::from(clamp.hi)) as i32
}

/// Input row and column under a tap; `None` in the padding.
fn tap(geometry: &Geometry, [oy, ox, _]: At, [ky, kx]: [usize; 2], x: &TensorSpec) -> Option<[usize; 2]> {
    let place = |axis: usize, output: usize, tap: usize, size: u16| {
        let padded = output as i64 * i64::from(geometry.stride[axis])
            + tap as i64 * i64::from(geometry.dilation[axis]);
        let index = padded - i64::from(geometry.pad[axis]);
        (0 <= index && index < i64::from(size)).then_some(index as usize)
    };
    Some([place(0, oy, ky, x.dims.h)?, place(1, ox, kx, x.dims.w)?])
}

/// Element under a tap; the zero point in the padding.
fn tap_or_zero(x: &Tensor, geometry: &Geometry, at: At, tap_at: [usize; 2], c: usize) -> i64 {
    let spec = x.spec();
    tap(geometry, at, tap_at, &spec).map_or(i64::from(spec.zero), |[h, w]| i64::from(x.get(h, w, c)))
}
