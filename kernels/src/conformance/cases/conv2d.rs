//! Convolution: groups, 1x1 over its own input, result over the residual.

use super::accumulate::{Constants, MAX_WEIGHTS, Packing, placement, spoil};
use super::shape::{
    bad_geometry, channels, geometry, likely_geometry, likely_type, shrink, spec, stranger, windows,
};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{Accumulate, Conv2d, Geometry};
use crate::{Dims, Dtype, KernelError, TensorSpec};

/// Longest column: the memory of a case holds widened ones.
const MAX_COLUMN: usize = 600;

const PLAIN: Geometry = Geometry { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let plain = rng.one_in(4);
    let [groups, group_inputs, group_outputs] = draw_groups(rng);
    let mut geometry = match rng.below(2) {
        _ if plain => PLAIN,
        0 => likely_geometry(rng),
        _ => geometry(rng),
    };
    let outputs = groups * group_outputs;
    let row_len = geometry.taps() * usize::from(group_inputs);
    if row_len * usize::from(outputs) > MAX_WEIGHTS || row_len > MAX_COLUMN {
        geometry.kernel = [1, rng.size(1, 2) as u8];
    }
    let x_type = rng.pick(&[Dtype::U4, Dtype::I8]);
    let x = spec(rng, x_type, groups * group_inputs);
    let y_type = likely_type(rng);
    let mut y = windows(rng, &geometry, &x, y_type, outputs);
    if plain {
        y = shrink(TensorSpec { dims: Dims { c: outputs, ..x.dims }, ..y });
    }
    let row_len = geometry.taps() * usize::from(group_inputs);
    let unpacked = Conv2d { geometry, groups, group_inputs, group_outputs, accumulate: Accumulate::NONE };
    let blocks = if groups == 1 { Some(unpacked.blocks()) } else { None };
    let constants = Constants::new(rng, &y, Packing::new(tier.layout, usize::from(outputs), row_len, blocks));
    let accumulate = constants.accumulate(tier.layout);
    let op = Conv2d { accumulate, ..unpacked };
    let column = op.scratch_bytes();

    let over_residual = |residual: &TensorSpec| op.over_residual(&x, residual, &y);
    let place = placement(rng, arena, (x, y), op.over_input(&x, &y), over_residual);
    let x = place.x;
    let extra = rng.below(3) as usize;
    let scratch = arena.reserve(rng, column + extra);
    let stranger = arena.place(rng, stranger(y));
    let wide = TensorSpec { dims: Dims { h: 1, w: 1, c: x.spec.dims.c }, dtype: Dtype::I16, zero: 0 };
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
            let field = rng.pick(&[0, 1, 2]);
            *[&mut wrong.groups, &mut wrong.group_inputs, &mut wrong.group_outputs][field] += 1;
            KernelError::InvalidGeometry
        }
        2 => {
            wrong_residual = Some(arena.tensor(&stranger));
            KernelError::InvalidShape
        }
        3 => {
            wrong_x = arena.tensor(&wide);
            KernelError::UnsupportedType
        }
        4 => {
            wrong_cells = &cells[..column - 1];
            KernelError::InvalidScratch { need: column as u32, have: column as u32 - 1 }
        }
        _ => spoil(rng, &mut wrong.accumulate, y.dtype),
    };
    let got = (tier.conv2d)(&wrong_x, wrong_residual.as_ref(), &wrong, wrong_cells, &y_tensor);
    arena.refused(got, error)?;

    let got = (tier.conv2d)(&x_tensor, residual.as_ref(), &op, cells, &y_tensor);
    let x = arena.original(&x);
    let rows = Conv2d { accumulate: constants.rows(), ..op };
    let residual = place.residual.map(|r| arena.original(&r));
    arena.equals(got, &place.y, scratch, |at| reference::conv2d(&x, residual.as_ref(), &rows, at))
}

/// One group, a few, or a depthwise one with a multiplier.
fn draw_groups(rng: &mut Rng) -> [u16; 3] {
    match rng.below(4) {
        0 => [rng.size(2, 4), rng.size(1, 5), rng.size(1, 5)],
        1 => [rng.size(2, 20), 1, rng.size(1, 2)],
        _ => [1, channels(rng), channels(rng)],
    }
}
