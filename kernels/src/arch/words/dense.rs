//! Fully connected layer of bytes with 8-bit weights: four outputs at a time. Narrower weights have kernels of their own on
//! Armv6-M and Armv7-M.

use core::cell::Cell;

use super::four::{Bytes, Pixel, has_narrow};
use super::product::{ROWS, dense as product, store_dense};
use crate::arch::Core;
use crate::op::Dense;
use crate::{Dtype, KernelError, Tensor, WeightBits, generic};

/// Whether [`dense`] has a kernel of its own on a core for inputs and weights of these types, and does not leave them to the
/// generic tier.
pub fn takes(weights: WeightBits, x: Dtype, core: Core) -> bool {
    x == Dtype::I8 && (weights.linked() == WeightBits::W8 || has_narrow(core))
}

/// Fully connected layer, see [`Dense`]. Nibbles run on the generic tier, and so do narrower weights where there are no
/// instructions for them.
///
/// # Errors
/// Those of [`Dense::check`], and [`KernelError::InvalidScratch`].
pub fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    if !takes(op.accumulate.weight_bits, x.spec().dtype, Core::THIS) {
        return generic::dense(x, residual, &Dense { accumulate: op.accumulate.rows() }, scratch, y);
    }
    #[cfg(any(armv6m, armv7m))]
    if op.accumulate.weight_bits.linked() != WeightBits::W8 {
        return super::narrow_dense::dense(x, residual, op, y);
    }
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let (input, channels) = (x.cells(), usize::from(y.spec().dims.c));
    let output = Pixel::new(&op.accumulate, y, residual, (0, 0));
    let bytes = Bytes::new(&op.accumulate, y, residual);
    let mut c = match &bytes {
        Some(bytes) => store_dense(input, op.accumulate.weights, bytes.results(), y.cells()),
        None => 0,
    };
    while channels - c >= ROWS {
        let weights = op.accumulate.weights.get(c * input.len()..).unwrap_or(&[]);
        output.store(c, product(input, weights, input.len()));
        c += ROWS;
    }
    // The last channels one by one: four times the same row.
    while c < channels {
        let weights = op.accumulate.weights.get(c * input.len()..).unwrap_or(&[]);
        let [sum, ..] = product(input, weights, 0);
        output.store_one(c, sum);
        c += 1;
    }
    if let Some(bytes) = bytes {
        bytes.clamp();
    }
    Ok(())
}
