//! Fully connected layer of bytes with 8-bit weights: four outputs at a time.

use core::cell::Cell;

use super::product::{ROWS, dense as product};
use crate::generic::finish::Finish;
use crate::op::{Accumulate, Dense};
use crate::{Dtype, KernelError, Layout, Tensor, WeightBits, generic};

/// Fully connected layer, see [`Dense`]. Nibbles and narrower weights run on the generic tier.
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
    if x.spec().dtype != Dtype::I8 || op.accumulate.weight_bits != WeightBits::W8 {
        let accumulate = Accumulate { layout: Layout::Rows, ..op.accumulate };
        return generic::dense(x, residual, &Dense { accumulate }, scratch, y);
    }
    op.check(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let (input, channels) = (x.cells(), usize::from(y.spec().dims.c));
    let finish = Finish::new(&op.accumulate, y, residual, (0, 0));
    let mut c = 0;
    while c < channels {
        let weights = op.accumulate.weights.get(c * input.len()..).unwrap_or(&[]);
        // The last channels one by one: four times the same row.
        let (count, stride) = if channels - c >= ROWS { (ROWS, input.len()) } else { (1, 0) };
        for (i, sum) in product(input, weights, stride).into_iter().enumerate().take(count) {
            finish.store(c + i, sum.wrapping_add(finish.bias(c + i)));
        }
        c += count;
    }
    Ok(())
}
