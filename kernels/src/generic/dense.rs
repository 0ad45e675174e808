//! Fully connected layer: a dot product per output.

use core::cell::Cell;

use super::column::widen;
use super::dot::dot;
use super::finish::Finish;
use crate::op::Dense;
use crate::scratch::take;
use crate::{KernelError, Layout, Tensor, Weights};

/// Fully connected layer, see [`Dense`].
///
/// # Errors
/// Those of [`Dense::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in blocks.
pub fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.accumulate.layout != Layout::Rows {
        return Err(KernelError::UnsupportedLayout);
    }
    let column = if x.spec().dtype.is_bytes() {
        x.cells()
    } else {
        let need = op.scratch_bytes(&x.spec());
        let column = take(scratch, need)?;
        flatten(x, column);
        column
    };
    let bits = op.accumulate.weight_bits;
    let outputs = usize::from(y.spec().dims.c);
    let weights = Weights::new(op.accumulate.weights, bits, outputs, column.len())?;
    let finish = Finish::new(&op.accumulate, y, residual, (0, 0));
    for c in 0..outputs {
        finish.store(c, finish.bias(c).wrapping_add(dot(column, weights.row(c), bits)));
    }
    Ok(())
}

fn flatten(x: &Tensor, column: &[Cell<u8>]) {
    let (rows, columns, channels) = x.spec().dims.hwc();
    let mut rest = column;
    for h in 0..rows {
        for w in 0..columns {
            let Some((pixel, behind)) = rest.split_at_checked(channels) else { return };
            rest = behind;
            widen(x.pixel(h, w), x.spec().dtype, 0, pixel);
        }
    }
}
