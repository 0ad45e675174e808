//! Residual addition of bytes: both operands of an element in one word, one multiplication for both.

use super::bytes::{clamp_bytes, store};
use super::simd::{pkhbt, pkhtb, smlad, ssat8, sxtb16, sxtb16_ror8};
use super::widen::word;
use crate::linked;
use crate::op::Add;
use crate::{KernelError, Tensor, TensorSpec, generic, numerics};

/// Whether [`add`] has a kernel of its own for a step, and does not leave it to the generic tier.
pub fn takes(a: &TensorSpec, b: &TensorSpec, y: &TensorSpec) -> bool {
    [a, b, y].iter().all(|spec| spec.dtype.is_bytes())
}

/// Residual addition, see [`Add`]. What is not bytes runs on the generic tier.
///
/// # Errors
/// Those of [`Add::check`].
pub fn add(a: &Tensor, b: &Tensor, op: &Add, y: &Tensor) -> Result<(), KernelError> {
    if linked::PORTABLE && !takes(&a.spec(), &b.spec(), &y.spec()) {
        return generic::add(a, b, op, y);
    }
    op.check(&a.spec(), &b.spec(), &y.spec())?;
    let multipliers = pkhbt(op.a_multiplier as u32, op.b_multiplier as u32);
    let shift = u32::from(op.shift) & 31;
    let result = |pair: u32| ssat8(smlad(pair, multipliers, op.offset) >> shift) as u8;
    let ((a_words, a_rest), (b_words, b_rest)) = (a.cells().as_chunks::<4>(), b.cells().as_chunks::<4>());
    let (y_words, y_rest) = y.cells().as_chunks::<4>();
    for ((a, b), y) in a_words.iter().zip(b_words).zip(y_words) {
        let (a, b) = (word(a), word(b));
        let (a_even, b_even) = (sxtb16(a), sxtb16(b));
        let (a_odd, b_odd) = (sxtb16_ror8(a), sxtb16_ror8(b));
        let pairs = [pkhbt(a_even, b_even), pkhbt(a_odd, b_odd), pkhtb(a_even, b_even), pkhtb(a_odd, b_odd)];
        store(y, u32::from_le_bytes(pairs.map(result)));
    }
    for ((a, b), y) in a_rest.iter().zip(b_rest).zip(y_rest) {
        let (a, b) = (i32::from(a.get() as i8), i32::from(b.get() as i8));
        let Add { a_multiplier, b_multiplier, offset, shift, clamp } = *op;
        y.set(numerics::rescale_sum(a, a_multiplier, b, b_multiplier, offset, shift, clamp) as u8);
    }
    clamp_bytes(y.cells(), op.clamp);
    Ok(())
}
