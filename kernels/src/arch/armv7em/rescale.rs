//! Change of scale of bytes: four at a time, saturated by one instruction.

use core::cell::Cell;

use super::bytes::{clamp_bytes, store};
use super::simd::{ssat8, sxtb16, sxtb16_ror8};
use super::widen::word;
use super::{GROUP, fills_groups};
use crate::linked;
use crate::op::Rescale;
use crate::{KernelError, Tensor, TensorSpec, generic, numerics};

/// Whether [`rescale`] has a kernel of its own for a step, and does not leave it to the generic tier: bytes, with one entry or
/// channels in whole groups.
pub fn takes(op: &Rescale, x: &TensorSpec, y: &TensorSpec) -> bool {
    x.dtype.is_bytes() && y.dtype.is_bytes() && (op.multipliers.len() == 1 || fills_groups(x))
}

/// Change of scale, see [`Rescale`]. What [`takes`] refuses runs on the generic tier.
///
/// # Errors
/// Those of [`Rescale::check`].
pub fn rescale(x: &Tensor, op: &Rescale, y: &Tensor) -> Result<(), KernelError> {
    if linked::PORTABLE && !takes(op, &x.spec(), &y.spec()) {
        return generic::rescale(x, op, y);
    }
    op.check(&x.spec(), &y.spec())?;
    let shift = u32::from(op.shift) & 31;
    let ((words, rest), (results, last)) = (x.cells().as_chunks::<GROUP>(), y.cells().as_chunks::<GROUP>());
    let pairs = words.iter().zip(results);
    if let ([multiplier], [offset]) = (op.multipliers, op.offsets) {
        pairs.for_each(|(x, y)| four(x, &[*multiplier; GROUP], &[*offset; GROUP], shift, y));
        for (x, y) in rest.iter().zip(last) {
            let x = i32::from(x.get() as i8);
            y.set(numerics::rescale(x, *multiplier, *offset, op.shift, op.clamp) as u8);
        }
    } else {
        let (multipliers, offsets) =
            (op.multipliers.as_chunks::<GROUP>().0, op.offsets.as_chunks::<GROUP>().0);
        let entries = multipliers.iter().zip(offsets).cycle();
        pairs
            .zip(entries)
            .for_each(|((x, y), (multipliers, offsets))| four(x, multipliers, offsets, shift, y));
    }
    clamp_bytes(y.cells(), op.clamp);
    Ok(())
}

/// Four results, saturated to bytes.
#[inline(always)]
fn four(
    x: &[Cell<u8>; GROUP],
    multipliers: &[i32; GROUP],
    offsets: &[i32; GROUP],
    shift: u32,
    y: &[Cell<u8>; GROUP],
) {
    let (even, odd) = (sxtb16(word(x)), sxtb16_ror8(word(x)));
    let lanes = [even as i16, odd as i16, (even >> 16) as i16, (odd >> 16) as i16].map(i32::from);
    let result =
        |i: usize| ssat8(lanes[i].wrapping_mul(multipliers[i]).wrapping_add(offsets[i]) >> shift) as u8;
    store(y, u32::from_le_bytes([result(0), result(1), result(2), result(3)]));
}
