//! Residual addition: every pair of types, result over either operand or both.

use super::shape::{bad_clamp, channels, clamp, likely_type, retyped, spec, stranger};
use crate::KernelError;
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{Add, elementwise};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (dtype, channels) = (likely_type(rng), channels(rng));
    let y = spec(rng, dtype, channels);
    let (a, b) = (retyped(rng, y), retyped(rng, y));
    let likely = rng.one_in(2);
    let mut multiplier = || if likely { rng.between(-300, 300) as i16 } else { edge(rng) };
    let (a_multiplier, b_multiplier) = (multiplier(), multiplier());
    let op = Add {
        a_multiplier,
        b_multiplier,
        offset: if likely { rng.between(-9999, 9999) } else { rng.word() },
        shift: if likely { rng.between(6, 10) as u8 } else { rng.below(32) as u8 },
        clamp: clamp(rng, dtype),
    };

    let (a, y) = arena.operand_and_result(rng, a, y, elementwise(&a, &y));
    let b = if rng.one_in(8) { a } else { arena.operand(rng, b) };
    let (a, b) = if rng.one_in(2) { (a, b) } else { (b, a) };
    let stranger = arena.place(rng, stranger(y.spec));
    arena.freeze();

    let (a_tensor, b_tensor, y_tensor) = (arena.tensor(&a), arena.tensor(&b), arena.tensor(&y));
    let mut wrong = op;
    let (mut wrong_a, mut wrong_b) = (a_tensor, b_tensor);
    let error = match rng.below(4) {
        0 => {
            wrong_a = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        1 => {
            wrong_b = arena.tensor(&stranger);
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
    arena.refused((tier.add)(&wrong_a, &wrong_b, &wrong, &y_tensor), error)?;

    let got = (tier.add)(&a_tensor, &b_tensor, &op, &y_tensor);
    let (a, b) = (arena.original(&a), arena.original(&b));
    arena.equals(got, &y, 0..0, |at| reference::add(&a, &b, &op, at))
}

fn edge(rng: &mut Rng) -> i16 {
    let any = rng.next() as i16;
    rng.pick(&[i16::MIN, -1, 0, 1, i16::MAX, any])
}
