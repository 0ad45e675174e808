//! One part of a concatenation at any first channel; the other parts must survive.

use super::shape::{DTYPES, bad_clamp, channels, clamp, retyped, spec};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::Concat;
use crate::{Dims, KernelError, TensorSpec};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (dtype, total) = (rng.pick(&DTYPES), channels(rng));
    let y = spec(rng, dtype, total);
    let first = rng.size(0, total - 1);
    let part = rng.size(1, total - first);
    let x = TensorSpec { dims: Dims { c: part, ..y.dims }, ..retyped(rng, y) };
    let likely = rng.one_in(2);
    let op = Concat {
        first,
        multiplier: if likely { rng.between(-70_000, 70_000) } else { rng.word() },
        offset: if likely { rng.between(-1 << 20, 1 << 20) } else { rng.word() },
        shift: if likely { 16 } else { rng.below(32) as u8 },
        clamp: clamp(rng, dtype),
    };

    let (x, y) = (arena.operand(rng, x), arena.place(rng, y));
    let stranger = TensorSpec { dims: Dims { h: y.spec.dims.h + 1, w: 1, c: 1 }, ..x.spec };
    let stranger = arena.place(rng, stranger);
    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&y));
    // A part that is not the last may leave the unused nibbles alone, so they are clean before.
    let (rows, columns, channels) = y.spec.dims.hwc();
    for h in 0..rows {
        for w in 0..columns {
            y_tensor.set(h, w, channels - 1, y_tensor.get(h, w, channels - 1));
        }
    }
    arena.freeze();

    let (mut wrong, mut wrong_x) = (op, x_tensor);
    let error = match rng.below(4) {
        0 => {
            wrong_x = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        1 => {
            wrong.first = rng.size(total - part + 1, u16::MAX);
            KernelError::InvalidShape
        }
        2 => {
            wrong.shift = rng.size(32, 255) as u8;
            KernelError::InvalidShift { shift: wrong.shift }
        }
        _ => {
            wrong.clamp = bad_clamp(rng, dtype);
            KernelError::InvalidClamp
        }
    };
    arena.refused((tier.concat)(&wrong_x, &wrong, &y_tensor), error)?;

    let got = (tier.concat)(&x_tensor, &op, &y_tensor);
    let (x, before) = (arena.original(&x), arena.original(&y));
    arena.equals(got, &y, 0..0, |at| reference::concat(&x, &op, &before, at))
}
