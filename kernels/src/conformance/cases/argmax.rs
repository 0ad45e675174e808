//! Argmax: few different values, so that ties are common and the first one must win.

use super::shape::{DTYPES, channels, spec};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (dtype, channels) = (rng.pick(&DTYPES), channels(rng));
    let mut x = spec(rng, dtype, channels);
    if rng.one_in(2) {
        (x.dims.h, x.dims.w) = (1, 1);
    }
    let x = arena.operand(rng, x);
    arena.freeze();
    let expected = reference::argmax(&arena.original(&x));
    let got = (tier.argmax)(&arena.tensor(&x));
    arena.all_untouched()?;
    if got == expected {
        Ok(())
    } else {
        Err(Fault::Element { index: 0, expected: expected as i32, got: got as i32 })
    }
}
