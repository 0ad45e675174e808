//! Maximum and average pooling, also over their own input.

use super::shape::{
    DTYPES, bad_clamp, channels, clamp, geometry, likely_type, shrink, spec, stranger, windows,
};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{AveragePool, Geometry, MaxPool, PoolGeometry};
use crate::{Dims, Dtype, KernelError, TensorSpec};

/// Most taps of a window: 5x5, or global over 9x9.
const MAX_TAPS: usize = 81;

pub(super) fn run_max(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let dtype = rng.pick(&DTYPES);
    let (geometry, x, y) = draw(rng, dtype, dtype);
    let op = MaxPool { geometry, clamp: clamp(rng, dtype) };

    let (x, y) = arena.operand_and_result(rng, x, y, op.geometry.over_input(&x, &y));
    let stranger = arena.place(rng, stranger(x.spec));
    let other = if dtype == Dtype::I8 { Dtype::U4 } else { Dtype::I8 };
    let retyped = TensorSpec { dims: Dims { h: 1, w: 1, ..x.spec.dims }, dtype: other, zero: 0 };
    let retyped = arena.place(rng, retyped);
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&y));
    let (mut wrong, mut wrong_x) = (op, x_tensor);
    let error = match rng.below(4) {
        0 => {
            wrong.geometry = bad_pool_geometry(rng, geometry);
            KernelError::InvalidGeometry
        }
        1 => {
            wrong_x = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        2 => {
            wrong_x = arena.tensor(&retyped);
            KernelError::UnsupportedType
        }
        _ => {
            wrong.clamp = bad_clamp(rng, dtype);
            KernelError::InvalidClamp
        }
    };
    arena.refused((tier.max_pool)(&wrong_x, &wrong, &y_tensor), error)?;

    let got = (tier.max_pool)(&x_tensor, &op, &y_tensor);
    let x = arena.original(&x);
    arena.equals(got, &y, 0..0, |at| reference::max_pool(&x, &op, at))
}

pub(super) fn run_average(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (x_type, y_type) = (likely_type(rng), likely_type(rng));
    let (geometry, x, y) = draw(rng, x_type, y_type);
    let taps = geometry.taps().taps();
    let entries = if rng.one_in(2) { 1 } else { taps };
    let (mut multipliers, mut offsets) = ([0; MAX_TAPS], [0; MAX_TAPS]);
    let likely = rng.one_in(2);
    for n in 0..entries {
        (multipliers[n], offsets[n]) = if likely {
            (rng.between(1, 1 << 16) / (n as i32 + 1), rng.between(-1 << 20, 1 << 20))
        } else {
            (rng.word(), rng.word())
        };
    }
    let shift = if likely { 16 } else { rng.below(32) as u8 };
    let (multipliers, offsets) = (&multipliers[..entries], &offsets[..entries]);
    let op = AveragePool { geometry, multipliers, offsets, shift, clamp: clamp(rng, y_type) };

    let (x, y) = arena.operand_and_result(rng, x, y, op.geometry.over_input(&x, &y));
    let stranger = arena.place(rng, stranger(x.spec));
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&y));
    let (mut wrong, mut wrong_x) = (op, x_tensor);
    let error = match rng.below(6) {
        0 => {
            wrong.geometry = bad_pool_geometry(rng, geometry);
            KernelError::InvalidGeometry
        }
        1 => {
            wrong_x = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        2 => {
            wrong.multipliers = &[];
            KernelError::InvalidConstants { need: taps as u32, have: 0 }
        }
        3 => {
            wrong.offsets = &offsets[1..];
            KernelError::InvalidConstants { need: entries as u32, have: entries as u32 - 1 }
        }
        4 => {
            wrong.shift = rng.size(32, 255) as u8;
            KernelError::InvalidShift { shift: wrong.shift }
        }
        _ => {
            wrong.clamp = bad_clamp(rng, y_type);
            KernelError::InvalidClamp
        }
    };
    arena.refused((tier.average_pool)(&wrong_x, &wrong, &y_tensor), error)?;

    let got = (tier.average_pool)(&x_tensor, &op, &y_tensor);
    let x = arena.original(&x);
    arena.equals(got, &y, 0..0, |at| reference::average_pool(&x, &op, at))
}

/// Windows of any kind, half of them without padding, some as large as the input.
fn draw(rng: &mut Rng, x_type: Dtype, y_type: Dtype) -> (PoolGeometry, TensorSpec, TensorSpec) {
    let channels = channels(rng);
    let x = spec(rng, x_type, channels);
    let Geometry { mut kernel, stride, mut pad, .. } = geometry(rng);
    if rng.one_in(4) {
        kernel = [x.dims.h.min(9) as u8, x.dims.w.min(9) as u8];
    }
    let forward = rng.one_in(2);
    if forward {
        pad = [0, 0];
    }
    let geometry = PoolGeometry { kernel, stride, pad };
    let mut y = windows(rng, &geometry.taps(), &x, y_type, channels);
    if forward {
        (y.dims.h, y.dims.w) = (y.dims.h.min(x.dims.h), y.dims.w.min(x.dims.w));
        y = shrink(y);
    }
    (geometry, x, y)
}

fn bad_pool_geometry(rng: &mut Rng, geometry: PoolGeometry) -> PoolGeometry {
    let axis = rng.below(2) as usize;
    let mut wrong = geometry;
    if rng.one_in(2) {
        wrong.kernel[axis] = 0
    } else {
        wrong.stride[axis] = 0
    }
    wrong
}
