//! Depthwise 3x3 convolution: sixteen channels at a time, from blocks of four input rows.

use core::cell::Cell;

use super::MIN_SHIFT;
use super::bytes::{behind, fill, gather};
use super::planes::{BLOCK, Group, ROWS, Rows, TAPS, block_columns, interleave, weights};
use crate::layout::mve::LANES;
use crate::op::Depthwise;
use crate::scratch::{small, take};
use crate::{Dtype, KernelError, Layout, Tensor, TensorSpec, generic, linked};

/// Columns of blocks: a limit on scratch.
const MOST_COLUMNS: usize = 64;

/// Results of a row that are made together at stride 2, whole vectors of four. Their inputs are twice as many, so that fewer
/// save scratch.
const TILE: usize = 16;

/// Results of a row of `columns` that are made together.
fn tile(op: &Depthwise, columns: usize) -> usize {
    if op.geometry.stride[0] == 1 { columns } else { columns.min(TILE) }
}

/// Whether shapes and types are those that this kernel is made for.
fn shape(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> bool {
    let geometry = &op.geometry;
    op.accumulate.layout == Layout::Mve
        && geometry.kernel == [TAPS as u8; 2]
        && geometry.dilation == [1, 1]
        && matches!(geometry.stride, [1, 1] | [2, 2])
        && geometry.pad.iter().all(|&pad| pad <= 1)
        && (x.dtype, y.dtype) == (Dtype::I8, Dtype::I8)
        && block_columns(tile(op, usize::from(y.dims.w)), usize::from(geometry.stride[0])) <= MOST_COLUMNS
}

/// Whether a step runs on this kernel, and not on the generic one.
pub fn takes(op: &Depthwise, residual: bool, x: &TensorSpec, y: &TensorSpec) -> bool {
    let stride = linked::STRIDE2 || op.geometry.stride[0] == 1;
    shape(op, x, y) && !residual && stride && op.accumulate.shift >= MIN_SHIFT
}

/// Bytes besides the rows that the generic kernel keeps: blocks of four rows and of weights, aligned to words, and
/// rows of a group that the result overwrites; `None` where shapes or types are others. See
/// [`Depthwise::scratch_bytes`].
pub(crate) fn scratch(op: &Depthwise, x: &TensorSpec, y: &TensorSpec) -> Option<usize> {
    if !shape(op, x, y) {
        return None;
    }
    let columns = block_columns(tile(op, usize::from(y.dims.w)), usize::from(op.geometry.stride[0]));
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
    if linked::PORTABLE && !takes(op, residual.is_some(), &x.spec(), &y.spec()) {
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
    let planes = block_columns(tile(op, columns), usize::from(op.geometry.stride[0])) * BLOCK;
    let (planes, rest) = aligned.split_at_checked(planes).ok_or(small(scratch, need))?;
    let (blocks, kept) = rest.split_at_checked((TAPS + 1) * BLOCK).ok_or(small(scratch, need))?;
    let accumulate = &op.accumulate;
    let pitch = accumulate.weight_bits.row_bytes(channels);
    for first in (0..channels).step_by(LANES) {
        let count = LANES.min(channels - first);
        let source = accumulate.weights.get(first >> accumulate.weight_bits.log2_per_byte()..).unwrap_or(&[]);
        weights(source, pitch, accumulate.weight_bits, count, blocks);
        let group = Channels { x, y, op, first, count, planes, weights: blocks, kept };
        if linked::STRIDE2 && op.geometry.stride[0] == 2 { group.run::<2>() } else { group.run::<1>() }
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
    /// All rows, for this stride; apart for each, because only one of them keeps rows, and only the other has tiles.
    fn run<const STRIDE: usize>(&self) {
        let (rows, columns, channels) = self.y.spec().dims.hwc();
        let (height, width, _) = self.x.spec().dims.hwc();
        let [pad, left] = self.op.geometry.pad.map(usize::from);
        let zero = self.x.spec().zero as u8;
        fill(self.planes, self.planes.len(), zero);
        let kept = fill(self.kept, LANES, zero);
        let keeps = STRIDE == 1 && kept_rows(self.op) > 0;
        let accumulate = &self.op.accumulate;
        let group = Group {
            stride: STRIDE,
            planes: self.planes,
            weights: self.weights,
            bias: accumulate.bias.get(self.first..).unwrap_or(&[]),
            multipliers: accumulate.multipliers.get(self.first..).unwrap_or(&[]),
            channels: self.count,
            pitch: channels,
            shift: accumulate.shift,
            clamp: accumulate.clamp,
        };
        let tile = if STRIDE == 1 { columns } else { tile(self.op, columns) };
        let mut group = Rows::new(group, tile);
        let (mut oy, mut ox) = (0, 0);
        while oy < rows {
            let start = (oy * STRIDE).wrapping_sub(pad);
            // Padded columns, and the first one that is not.
            let (before, from) = if ox == 0 { (left, 0) } else { (0, ox * STRIDE - left) };
            let mut sources = [self.kept; ROWS];
            let mut steps = [0; ROWS];
            for (i, (source, step)) in sources.iter_mut().zip(&mut steps).enumerate() {
                let iy = start.wrapping_add(i);
                if iy >= height {
                    continue;
                }
                if keeps && iy < oy {
                    // The row above the results: they may have overwritten it.
                    (*source, *step) = (kept, self.count);
                } else {
                    *source = behind(self.x, (iy * width + from) * channels + self.first);
                    *step = channels;
                }
            }
            let planes = self.planes.get(before * BLOCK..).unwrap_or(&[]);
            let pixels = width.saturating_sub(from).min(planes.len() / BLOCK);
            interleave(sources, steps, self.count, pixels, planes);
            if keeps && oy + 1 < height {
                let row = behind(self.x, (oy + 1) * width * channels + self.first);
                gather(row, channels, width, self.count, kept);
            }
            let count = tile.min(columns - ox);
            if tile < columns {
                self.pad(before, pixels, (count - 1) * STRIDE + TAPS, zero);
            }
            let at = (oy * columns + ox) * channels + self.first;
            let second = if STRIDE == 1 && oy + 1 < rows { columns * channels } else { 0 };
            group.run(count, [behind(self.y, at), behind(self.y, at + second)]);
            ox += count;
            if STRIDE == 1 || ox == columns {
                (oy, ox) = (oy + 3 - STRIDE, 0);
            }
        }
    }

    /// Sets the padded ones of `needed` columns, which another tile may have used: the first `before`, and those behind
    /// `pixels` others.
    fn pad(&self, before: usize, pixels: usize, needed: usize, zero: u8) {
        fill(self.planes, before * BLOCK, zero);
        if before + pixels < needed {
            let behind = self.planes.get((before + pixels) * BLOCK..).unwrap_or(&[]);
            fill(behind, (needed - before - pixels) * BLOCK, zero);
        }
    }
}
