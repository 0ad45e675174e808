//! Depthwise convolution: over its own input with the ring of saved rows, result over the residual.

use super::accumulate::{Constants, Packing, placement, spoil};
use super::shape::{
    bad_geometry, channels, geometry, likely_geometry, likely_type, shrink, spec, stranger, windows,
};
use crate::conformance::arena::{Arena, SCRATCH_BYTES};
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{Depthwise, Geometry};
use crate::{Dims, Dtype, KernelError, Layout, TensorSpec};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let channels = channels(rng);
    let x_type = rng.pick(&[Dtype::U4, Dtype::I8]);
    let mut x = spec(rng, x_type, channels);
    let mut geometry = if rng.one_in(2) { likely_geometry(rng) } else { geometry(rng) };
    if rng.one_in(4) {
        // Rows of a network's first layers, that fast kernels take in pieces.
        let pad = [rng.below(2) as u8, rng.below(2) as u8];
        geometry = Geometry { kernel: [3; 2], stride: [2; 2], dilation: [1, 1], pad };
        (x.dims.h, x.dims.w) = (rng.size(1, 6), rng.size(30, 80));
        x = shrink(x);
    }
    let y_type = likely_type(rng);
    let mut y = windows(rng, &geometry, &x, y_type, channels);
    if rng.one_in(2) {
        (y.dims.h, y.dims.w) = (y.dims.h.min(x.dims.h), y.dims.w.min(x.dims.w));
        y = shrink(y);
    }
    let constants =
        Constants::new(rng, &y, Packing::new(tier.layout, geometry.taps(), usize::from(channels), None));
    let mut op = Depthwise { geometry, accumulate: constants.accumulate(tier.layout) };
    while op.ring_bytes(&x) > SCRATCH_BYTES && geometry.pad[0] > 0 {
        geometry.pad[0] -= 1;
        op.geometry = geometry;
    }

    let over_residual = |residual: &TensorSpec| op.over_residual(residual, &y);
    let place = placement(rng, arena, (x, y), op.over_input(&x, &y), over_residual);
    let x = place.x;
    let mut need = op.scratch_bytes(&x.spec, &y, place.distance);
    // Where a step needs none, it may be given scratch or not; layout `words` finds out by itself.
    if need == 0 && tier.layout != Layout::Words && rng.one_in(4) {
        need = op.ring_bytes(&x.spec);
    }
    let extra = if need > 0 { rng.below(3) as usize } else { 0 };
    let scratch = arena.reserve(rng, need + extra);
    let stranger = arena.place(rng, stranger(y));
    let wide = TensorSpec { dims: Dims { h: 1, w: 1, c: channels }, dtype: Dtype::I16, zero: 0 };
    let wide = arena.place(rng, wide);
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&place.y));
    let residual = place.residual.map(|r| arena.tensor(&r));
    let cells = arena.cells(scratch.clone());

    let mut wrong = op;
    let (mut wrong_x, mut wrong_residual, mut wrong_cells) = (x_tensor, residual, cells);
    let error = match rng.below(9) {
        0 => {
            bad_geometry(rng, &mut wrong.geometry);
            KernelError::InvalidGeometry
        }
        1 => {
            wrong_x = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        2 => {
            wrong_residual = Some(arena.tensor(&stranger));
            KernelError::InvalidShape
        }
        3 => {
            wrong_x = arena.tensor(&wide);
            KernelError::UnsupportedType
        }
        4 if need > 1 => {
            wrong_cells = &cells[..need - 1];
            KernelError::InvalidScratch { need: need as u32, have: need as u32 - 1 }
        }
        _ => spoil(rng, &mut wrong.accumulate, y.dtype),
    };
    let got = (tier.depthwise)(&wrong_x, wrong_residual.as_ref(), &wrong, wrong_cells, &y_tensor);
    arena.refused(got, error)?;

    let got = (tier.depthwise)(&x_tensor, residual.as_ref(), &op, cells, &y_tensor);
    let x = arena.original(&x);
    let residual = place.residual.map(|r| arena.original(&r));
    arena.equals(got, &place.y, scratch, |at| reference::depthwise(&x, residual.as_ref(), &op, at))
}
