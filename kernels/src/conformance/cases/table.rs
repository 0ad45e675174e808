//! Table look-up: bytes and nibbles to bytes and nibbles, result over the operand.

use super::shape::{channels, spec, stranger, zero};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{Table, elementwise};
use crate::{Dims, Dtype, KernelError, TensorSpec};

const SMALL: [Dtype; 2] = [Dtype::U4, Dtype::I8];

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (x_type, y_type, channels) = (rng.pick(&SMALL), rng.pick(&SMALL), channels(rng));
    let x = spec(rng, x_type, channels);
    let y = TensorSpec { dims: x.dims, dtype: y_type, zero: zero(rng, y_type) };
    let mut bytes = [0; 256];
    bytes.fill_with(|| rng.next() as u8);
    let need = if x_type == Dtype::I8 { 256 } else { 16 };
    let op = Table { entries: &bytes[..need] };

    let (x, y) = arena.operand_and_result(rng, x, y, elementwise(&x, &y));
    let stranger = arena.place(rng, stranger(x.spec));
    let wide = TensorSpec { dims: Dims { h: 1, w: 1, c: channels }, dtype: Dtype::I16, zero: 0 };
    let narrow = TensorSpec { dtype: Dtype::I8, ..wide };
    let (wide, narrow) = (arena.place(rng, wide), arena.place(rng, narrow));
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&y));
    let (mut wrong, mut wrong_x, mut wrong_y) = (op, x_tensor, y_tensor);
    let error = match rng.below(4) {
        0 => {
            wrong_x = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        1 => {
            (wrong_x, wrong_y) = (arena.tensor(&narrow), arena.tensor(&wide));
            KernelError::UnsupportedType
        }
        2 => {
            (wrong_x, wrong_y) = (arena.tensor(&wide), arena.tensor(&narrow));
            KernelError::UnsupportedType
        }
        _ => {
            wrong.entries = &bytes[1..need];
            KernelError::InvalidConstants { need: need as u32, have: need as u32 - 1 }
        }
    };
    arena.refused((tier.table)(&wrong_x, &wrong, &wrong_y), error)?;

    let got = (tier.table)(&x_tensor, &op, &y_tensor);
    let x = arena.original(&x);
    arena.equals(got, &y, 0..0, |at| reference::table(&x, &op, y_type, at))
}
