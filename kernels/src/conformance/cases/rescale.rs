//! Rescale: one multiplier or one per channel, every pair of types, result over the operand.

use super::shape::{DTYPES, MAX_CHANNELS, bad_clamp, channels, clamp, retyped, spec, stranger};
use crate::KernelError;
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::{Rescale, elementwise};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (dtype, channels) = (rng.pick(&DTYPES), channels(rng));
    let y = spec(rng, dtype, channels);
    let x = retyped(rng, y);
    let entries = if rng.one_in(2) { 1 } else { usize::from(channels) };
    let (mut multipliers, mut offsets) = ([0; MAX_CHANNELS + 1], [0; MAX_CHANNELS + 1]);
    let likely = rng.one_in(2);
    for (multiplier, offset) in multipliers.iter_mut().zip(&mut offsets) {
        (*multiplier, *offset) = if likely {
            (rng.between(-70_000, 70_000), rng.between(-1 << 20, 1 << 20))
        } else {
            (rng.word(), rng.word())
        };
    }
    let op = Rescale {
        multipliers: &multipliers[..entries],
        offsets: &offsets[..entries],
        shift: if likely { 16 } else { rng.below(32) as u8 },
        clamp: clamp(rng, dtype),
    };

    let (x, y) = arena.operand_and_result(rng, x, y, elementwise(&x, &y));
    let stranger = arena.place(rng, stranger(x.spec));
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&y));
    let (mut wrong, mut wrong_x) = (op, x_tensor);
    let error = match rng.below(5) {
        0 => {
            wrong_x = arena.tensor(&stranger);
            KernelError::InvalidShape
        }
        1 => {
            let have = usize::from(channels) + 1;
            wrong.multipliers = &multipliers[..have];
            KernelError::InvalidConstants { need: u32::from(channels), have: have as u32 }
        }
        2 => {
            wrong.offsets = &offsets[..entries - 1];
            KernelError::InvalidConstants { need: entries as u32, have: entries as u32 - 1 }
        }
        3 => {
            wrong.shift = rng.size(32, 255) as u8;
            KernelError::InvalidShift { shift: wrong.shift }
        }
        _ => {
            wrong.clamp = bad_clamp(rng, dtype);
            KernelError::InvalidClamp
        }
    };
    arena.refused((tier.rescale)(&wrong_x, &wrong, &y_tensor), error)?;

    let got = (tier.rescale)(&x_tensor, &op, &y_tensor);
    let x = arena.original(&x);
    arena.equals(got, &y, 0..0, |at| reference::rescale(&x, &op, at))
}
