//! Convolution: one widened column per output pixel, then a dot product per output channel.

use core::cell::Cell;

use super::column::gather;
use super::dot::dot;
use super::finish::Finish;
use crate::op::Conv2d;
use crate::scratch::take;
use crate::{KernelError, Tensor, Weights};

/// Convolution, see [`Conv2d`].
///
/// # Errors
/// Those of [`Conv2d::check`], [`KernelError::InvalidScratch`], and [`KernelError::UnsupportedLayout`] for
/// weights in blocks.
pub fn conv2d(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    if op.in_blocks() {
        return Err(KernelError::UnsupportedLayout);
    }
    let need = op.scratch_bytes();
    let column = take(scratch, need)?;
    let (inputs, outputs) = (usize::from(op.group_inputs), usize::from(op.group_outputs));
    let bits = op.accumulate.weight_bits;
    let (rows, columns, channels) = y.spec().dims.hwc();
    let weights = Weights::new(op.accumulate.weights, bits, channels, need)?;
    let descends = op.descends(&x.spec(), &y.spec());
    for step in 0..rows {
        let oy = if descends { rows - 1 - step } else { step };
        for step in 0..columns {
            let ox = if descends { columns - 1 - step } else { step };
            let finish = Finish::new(&op.accumulate, y, residual, (oy, ox));
            for group in 0..usize::from(op.groups) {
                gather(x, &op.geometry, (oy, ox), group * inputs, inputs, column);
                for c in group * outputs..(group + 1) * outputs {
                    let acc = finish.bias(c).wrapping_add(dot(column, weights.row(c), bits));
                    finish.store(c, acc);
                }
            }
        }
    }
    Ok(())
}
