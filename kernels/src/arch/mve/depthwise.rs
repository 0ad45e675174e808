//! Depthwise 3x3 convolution: sixteen channels at a time, from blocks of four input rows.

use core::cell::Cell;

use super::MIN_SHIFT;
use super::bytes::{fill, gather};
use super::planes::{BLOCK, Group, ROWS, TAPS, block_columns, interleave, weights};
use crate::layout::mve::LANES;
use crate::op::Depthwise;
use crate::scratch::{small, take};
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec, generic};

/// Columns of blocks: a limit on scratch.
const MOST_COLUMNS: usize = 64;

/// Whether shapes and types are those that this kernel is made for.
fn shape(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> bool {
    let geometry = &op.geometry;
    op.accumulate.layout == Layout::Mve
        && geometry.kernel == [TAPS as u8; 2]
        && geometry.dilation == [1, 1]
        && matches!(geometry.stride, [1, 1] | [2, 2])
        && geometry.pad.iter().all(|&pad| pad <= 1)
        && (x.dtype, y.dtype) == (Dtype::I8, Dtype::I8)
        && block_columns(usize::from(y.dims.w), usize::from(geometry.stride[0])) <= MOST_COLUMNS
}

/// Whether a step runs on this kernel, and not on the generic one.
pub fn takes(op: &Depthwise, residual: bool, x: &TensorSpec, y: &TensorSpec) -> bool {
    shape(op, x, y) && !residual && op.accumulate.shift >= MIN_SHIFT
}

/// Bytes besides the rows that the generic kernel keeps: blocks of four rows and of weights, aligned to words, and
/// rows of a group that the result overwrites; `None` where shapes or types are others. See
/// [`Depthwise::scratch_bytes`].
pub(crate) fn scratch(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> Option<usize> {
    if !shape(op, x, y) {
        return None;
    }
    let columns = block_columns(usize::from(y.dims.w), usize::from(op.geometry.stride[0]));
    Some(3 + (columns + TAPS + 1) * BLOCK + LANES * (1 + kept_rows(op) * usize::from(x.dims.w)))
}

/// Rows that two rows of results overwrite and that the next two still need.
fn kept_rows(op: &Depthwise) -> usize {
    if op.geometry.stride[0] == 1 { usize::from(op.geometry.pad[0]) } else { 0 }
}

/// Depthwise convolution, see [`Depthwise`]. What [`takes`] refuses runs on the generic tier.
///
/// # Errors
/// Those of [`Depthwise::check`], and [`KernelError::InvalidScratch`].
#[inline(never)]
pub fn depthwise(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Depthwise,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    if !takes(op, residual.is_some(), &x.spec(), &y.spec()) {
        op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
        take(scratch, op.scratch_bytes(&x.spec(), &y.spec(), None))?;
        let accumulate = op.accumulate.rows();
        return generic::depthwise(x, residual, &Depthwise { accumulate, ..*op }, scratch, y);
    }
    op.fits(&x.spec(), None, &y.spec())?;
    let need = op.scratch_bytes(&x.spec(), &y.spec(), None);
    let scratch = take(scratch, need)?;
    let aligned = scratch.get(scratch.as_ptr().align_offset(4)..).ok_or(small(scratch, need))?;
    let (columns, channels) = (usize::from(y.spec().dims.w), usize::from(y.spec().dims.c));
    let planes = block_columns(columns, usize::from(op.geometry.stride[0])) * BLOCK;
    let (planes, rest) = aligned.split_at_checked(planes).ok_or(small(scratch, need))?;
    let (blocks, kept) = rest.split_at_checked((TAPS + 1) * BLOCK).ok_or(small(scratch, need))?;
    let accumulate = &op.accumulate;
    let pitch = accumulate.weight_bits.row_bytes(channels);
    for first in (0..channels).step_by(LANES) {
        let count = LANES.min(channels - first);
        let source = accumulate.weights.get(first >> accumulate.weight_bits.log2_per_byte()..).unwrap_or(&[]);
        weights(source, pitch, accumulate.weight_bits, count, blocks);
        Channels { x, y, op, first, count, planes, weights: blocks, kept }.run();
    }
    Ok(())
}

/// A group of channels.
struct Channels<'a> {
    x: &'a Tensor<'a>,
    y: &'a Tensor<'a>,
    op: &'a Depthwise<'a>,
    first: usize,
    count: usize,
    planes: &'a [Cell<u8>],
    weights: &'a [Cell<u8>],
    /// Two rows of the group: the padding's, and one that the result overwrites.
    kept: &'a [Cell<u8>],
}

impl Channels<'_> {
    fn run(&self) {
        let (rows, columns, channels) = self.y.spec().dims.hwc();
        let (height, width, _) = self.x.spec().dims.hwc();
        let stride = usize::from(self.op.geometry.stride[0]);
        let [pad, left] = self.op.geometry.pad.map(usize::from);
        let accumulate = &self.op.accumulate;
        let zero = self.x.spec().zero as u8;
        fill(self.planes, self.planes.len(), zero);
        let kept = fill(self.kept, LANES, zero);
        let outputs = 3 - stride;
        let mut oy = 0;
        while oy < rows {
            let start = (oy * stride).wrapping_sub(pad);
            let mut sources = [self.kept; ROWS];
            let mut steps = [0; ROWS];
            for (i, (source, step)) in sources.iter_mut().zip(&mut steps).enumerate() {
                let iy = start.wrapping_add(i);
                if iy >= height {
                    continue;
                }
                if iy < oy && kept_rows(self.op) > 0 {
                    // The row above the results: they may have overwritten it.
                    (*source, *step) = (kept, self.count);
                } else {
                    *source = self.x.cells().get(iy * width * channels + self.first..).unwrap_or(&[]);
                    *step = channels;
                }
            }
            let pixels = width.min((self.planes.len() / BLOCK).saturating_sub(left));
            interleave(sources, steps, self.count, pixels, self.planes.get(left * BLOCK..).unwrap_or(&[]));
            if kept_rows(self.op) > 0 && oy + 1 < height {
                let row = self.x.cells().get((oy + 1) * width * channels + self.first..).unwrap_or(&[]);
                gather(row, channels, width, self.count, kept);
            }
            let second = if outputs == 2 && oy + 1 < rows { oy + 1 } else { oy };
            let out = |row: usize| self.y.cells().get(row * columns * channels + self.first..).unwrap_or(&[]);
            Group {
                planes: self.planes,
                weights: self.weights,
                bias: accumulate.bias.get(self.first..).unwrap_or(&[]),
                multipliers: accumulate.multipliers.get(self.first..).unwrap_or(&[]),
                columns,
                channels: self.count,
                pitch: channels,
                y: [out(oy), out(second)],
                shift: accumulate.shift,
                clamp: accumulate.clamp,
            }
            .run(stride);
            oy += outputs;
        }
    }
}
