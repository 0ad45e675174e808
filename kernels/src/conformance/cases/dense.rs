//! Fully connected layer: result over the residual, nibbles through the scratch.

use super::accumulate::{Constants, MAX_WEIGHTS, Packing, placement, spoil};
use super::shape::{DTYPES, channels, spec, stranger, zero};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{Accumulate, Dense, Overlap};
use crate::{Dims, Dtype, KernelError, TensorSpec};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (x_type, y_type) = (rng.pick(&[Dtype::U4, Dtype::I8]), rng.pick(&DTYPES));
    let channels_in = channels(rng);
    let mut x = spec(rng, x_type, channels_in);
    (x.dims.h, x.dims.w) = (x.dims.h.min(4), x.dims.w.min(4));
    let (rows, columns, deep) = x.dims.hwc();
    let inputs = rows * columns * deep;
    let outputs = channels(rng).min((MAX_WEIGHTS / inputs) as u16);
    let y = TensorSpec { dims: Dims { h: 1, w: 1, c: outputs }, dtype: y_type, zero: zero(rng, y_type) };
    let blocks = Dense { accumulate: Accumulate::NONE }.blocks(&x, usize::from(outputs));
    let constants =
        Constants::new(rng, &y, Packing::new(tier.layout, usize::from(outputs), inputs, Some(blocks)));
    let op = Dense { accumulate: constants.accumulate(tier.layout) };

    let place = placement(rng, arena, (x, y), Overlap::NEVER, |residual| op.over_residual(residual, &y));
    let x = place.x;
    let need = op.scratch_bytes(&x.spec);
    let extra = rng.below(3) as usize;
    let scratch = arena.reserve(rng, need + extra);
    let stranger = arena.place(rng, stranger(y));
    let tall = arena.place(rng, TensorSpec { dims: Dims { h: 2, ..y.dims }, ..y });
    let wide = arena.place(rng, TensorSpec { dtype: Dtype::I16, zero: 0, ..x.spec });
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&place.y));
    let residual = place.residual.map(|r| arena.tensor(&r));
    let cells = arena.cells(scratch.clone());

    let mut wrong = op;
    let (mut wrong_x, mut wrong_residual, mut wrong_cells, mut wrong_y) =
        (x_tensor, residual, cells, y_tensor);
    let error = match rng.below(8) {
        0 => {
            wrong_y = arena.tensor(&tall);
            KernelError::InvalidShape
        }
        1 => {
            wrong_residual = Some(arena.tensor(&stranger));
            KernelError::InvalidShape
        }
        2 => {
            wrong_x = arena.tensor(&wide);
            KernelError::UnsupportedType
        }
        3 if need > 0 => {
            wrong_cells = &cells[..need - 1];
            KernelError::InvalidScratch { need: need as u32, have: need as u32 - 1 }
        }
        _ => spoil(rng, &mut wrong.accumulate, y.dtype),
    };
    let got = (tier.dense)(&wrong_x, wrong_residual.as_ref(), &wrong, wrong_cells, &wrong_y);
    arena.refused(got, error)?;

    let got = (tier.dense)(&x_tensor, residual.as_ref(), &op, cells, &y_tensor);
    let x = arena.original(&x);
    let rows = Dense { accumulate: constants.rows() };
    let residual = place.residual.map(|r| arena.original(&r));
    arena.equals(got, &place.y, scratch, |at| reference::dense(&x, residual.as_ref(), &rows, at))
}
