//! Depthwise convolution: a block of channels at a time, tap by tap. Where the result lies over rows that are
//! still to be read, they are kept in a ring of `pad_top + 1` rows.

use core::cell::Cell;

use super::finish::Finish;
use crate::layout::unpack;
use crate::op::Depthwise;
use crate::scratch::take;
use crate::tensor::read;
use crate::{KernelError, Tensor, WeightBits, Weights};

/// Channels that are accumulated together.
const BLOCK: usize = 16;

/// Depthwise convolution, see [`Depthwise`]. An empty `scratch` says that no ring is needed.
///
/// # Errors
/// Those of [`Depthwise::check`], and [`KernelError::InvalidScratch`].
pub fn depthwise(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Depthwise,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
    let need = if scratch.is_empty() { 0 } else { op.ring_bytes(&x.spec()) };
    let ring = take(scratch, need)?;
    let mut source = Source::new(x, ring, op.geometry.pad);
    let (rows, columns, channels) = y.spec().dims.hwc();
    let weights =
        Weights::new(op.accumulate.weights, op.accumulate.weight_bits, op.geometry.taps(), channels)?;
    for oy in 0..rows {
        source.keep(oy);
        for ox in 0..columns {
            let finish = Finish::new(&op.accumulate, y, residual, (oy, ox));
            for first in (0..channels).step_by(BLOCK) {
                let mut acc = [0i32; BLOCK];
                for (i, acc) in acc.iter_mut().enumerate() {
                    *acc = finish.bias(first + i);
                }
                accumulate(&source, op, &weights, (oy, ox), first, &mut acc);
                for (i, &acc) in acc.iter().enumerate().take(channels - first) {
                    finish.store(first + i, acc);
                }
            }
        }
    }
    Ok(())
}

#[inline(always)]
fn accumulate(
    source: &Source,
    op: &Depthwise,
    weights: &Weights,
    (oy, ox): (usize, usize),
    first: usize,
    acc: &mut [i32; BLOCK],
) {
    let spec = source.x.spec();
    let (rows, columns, _) = spec.dims.hwc();
    let bits = weights.bits();
    let [kh, kw] = op.geometry.kernel;
    let mut tap = 0;
    for ky in 0..usize::from(kh) {
        let iy = op.geometry.row(oy, ky, rows);
        for kx in 0..usize::from(kw) {
            let row = weights.row(tap);
            tap += 1;
            match (iy, op.geometry.column(ox, kx, columns)) {
                (Some(iy), Some(ix)) => {
                    let pixel = source.pixel(iy, ix, oy);
                    if spec.dtype.is_bytes() && bits.linked() == WeightBits::W8 {
                        let (pixel, row) = (pixel.get(first..), row.get(first..));
                        let taps = pixel.unwrap_or(&[]).iter().zip(row.unwrap_or(&[]));
                        for (acc, (x, &w)) in acc.iter_mut().zip(taps) {
                            *acc = acc.wrapping_add(i32::from(x.get() as i8) * i32::from(w as i8));
                        }
                    } else {
                        for (i, acc) in acc.iter_mut().enumerate() {
                            let c = first + i;
                            let product = read(pixel, spec.dtype, c) * unpack(row, bits, c);
                            *acc = acc.wrapping_add(product);
                        }
                    }
                }
                _ => {
                    for (i, acc) in acc.iter_mut().enumerate() {
                        let product = i32::from(spec.zero) * unpack(row, bits, first + i);
                        *acc = acc.wrapping_add(product);
                    }
                }
            }
        }
    }
}

/// Input rows: from the tensor, or from the ring once the result may have overwritten them.
pub(crate) struct Source<'a> {
    x: Tensor<'a>,
    ring: &'a [Cell<u8>],
    row_bytes: usize,
    pad_top: usize,
    slot: usize,
}

impl<'a> Source<'a> {
    /// An empty `ring` keeps nothing.
    pub(crate) fn new(x: &Tensor<'a>, ring: &'a [Cell<u8>], [pad_top, _]: [u8; 2]) -> Self {
        let row_bytes = x.spec().pixel_bytes() * usize::from(x.spec().dims.w);
        let pad_top = usize::from(pad_top);
        Self { x: *x, ring, row_bytes, pad_top, slot: pad_top }
    }

    /// Saves input row `oy` before output row `oy` overwrites it. `slot` is that row's place in the ring.
    pub(crate) fn keep(&mut self, oy: usize) {
        if self.ring.is_empty() {
            return;
        }
        self.slot = if self.slot == self.pad_top { 0 } else { self.slot + 1 };
        let saved = self.ring.get(self.slot * self.row_bytes..).unwrap_or(&[]);
        for (saved, cell) in saved.iter().zip(self.x.row(oy)) {
            saved.set(cell.get());
        }
    }

    /// Row of the input that the result's row `oy` needs.
    #[cfg(rv32im)]
    pub(crate) fn row(&self, iy: usize, oy: usize) -> &'a [Cell<u8>] {
        if self.ring.is_empty() || iy > oy {
            return self.x.row(iy);
        }
        let start = self.slot_of(oy - iy) * self.row_bytes;
        self.ring.get(start..start + self.row_bytes).unwrap_or(&[])
    }

    /// Where in the ring a row lies that is so many rows above the result's.
    #[inline(always)]
    fn slot_of(&self, age: usize) -> usize {
        if age <= self.slot { self.slot - age } else { self.slot + self.pad_top + 1 - age }
    }

    /// Pixel of the input that the result's row `oy` needs.
    #[inline(always)]
    pub(crate) fn pixel(&self, iy: usize, ix: usize, oy: usize) -> &'a [Cell<u8>] {
        if self.ring.is_empty() || iy > oy {
            return self.x.pixel(iy, ix);
        }
        let slot = self.slot_of(oy - iy);
        let bytes = self.x.spec().pixel_bytes();
        let start = slot * self.row_bytes + ix * bytes;
        self.ring.get(start..start + bytes).unwrap_or(&[])
    }
}
