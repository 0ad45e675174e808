//! Gathers the taps under one output pixel into a column of widened bytes (im2col, one column at a time),
//! so that all output channels share the border tests and the widening.

use core::cell::Cell;

use crate::op::Geometry;
use crate::tensor::read;
use crate::{Dtype, Tensor};

/// Fills `column` with the taps of pixel `(oy, ox)`, channels `first .. first + channels` of each tap; padded
/// taps give the zero point.
#[inline(always)]
pub(super) fn gather(
    x: &Tensor,
    geometry: &Geometry,
    (oy, ox): (usize, usize),
    first: usize,
    channels: usize,
    column: &[Cell<u8>],
) {
    let (rows, columns, _) = x.spec().dims.hwc();
    let [kh, kw] = geometry.kernel;
    let mut rest = column;
    for ky in 0..usize::from(kh) {
        let iy = geometry.row(oy, ky, rows);
        for kx in 0..usize::from(kw) {
            let Some((tap, behind)) = rest.split_at_checked(channels) else { return };
            rest = behind;
            match (iy, geometry.column(ox, kx, columns)) {
                (Some(iy), Some(ix)) => widen(x.pixel(iy, ix), x.spec().dtype, first, tap),
                _ => tap.iter().for_each(|cell| cell.set(x.spec().zero as u8)),
            }
        }
    }
}

/// Copies channels `first ..` of a pixel into bytes.
#[inline(always)]
pub(crate) fn widen(pixel: &[Cell<u8>], dtype: Dtype, first: usize, bytes: &[Cell<u8>]) {
    if dtype.is_bytes() {
        let source = pixel.get(first..).unwrap_or(&[]);
        for (byte, source) in bytes.iter().zip(source) {
            byte.set(source.get());
        }
    } else {
        for (i, byte) in bytes.iter().enumerate() {
            byte.set(read(pixel, dtype, first + i) as u8);
        }
    }
}
