//! Convolution: any stride, padding, dilation and groups.

use super::{Accumulate, Overlap, Packed, check_specs, overlap};
use crate::arch::{self, armv7em, words};
use crate::layout::dsp::{Blocks, CONV_CHANNELS};
use crate::layout::mve;
use crate::linked;
use crate::size::product;
use crate::{KernelError, Layout, TensorSpec};

/// Where the taps of a convolution lie. Output pixel `(oy, ox)`, tap `(ky, kx)` reads input pixel
/// `(oy * stride_h + ky * dilation_h - pad_top, ox * stride_w + kx * dilation_w - pad_left)`; outside the
/// input it reads the input's zero point. Padding below and to the right follows from the output's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Kernel rows and columns.
    pub kernel: [u8; 2],
    /// Step between windows, rows and columns.
    pub stride: [u8; 2],
    /// Distance between taps, rows and columns.
    pub dilation: [u8; 2],
    /// Padding above and to the left.
    pub pad: [u8; 2],
}

impl Geometry {
    pub(crate) fn check(&self) -> Result<(), KernelError> {
        let [kh, kw] = self.kernel;
        let [sh, sw] = self.stride;
        let [dh, dw] = self.dilation;
        if [kh, kw, sh, sw, dh, dw].contains(&0) {
            return Err(KernelError::InvalidGeometry);
        }
        Ok(())
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        let [kh, kw] = self.kernel;
        usize::from(kh) * usize::from(kw)
    }

    /// Input row of output row `oy` and kernel row `ky`; `None` in the padding.
    #[inline(always)]
    pub fn row(&self, oy: usize, ky: usize, rows: usize) -> Option<usize> {
        let ([stride, _], [dilation, _], [pad, _]) = (self.stride, self.dilation, self.pad);
        inside(oy * usize::from(stride) + ky * usize::from(dilation), usize::from(pad), rows)
    }

    /// Input column of output column `ox` and kernel column `kx`; `None` in the padding.
    #[inline(always)]
    pub fn column(&self, ox: usize, kx: usize, columns: usize) -> Option<usize> {
        let ([_, stride], [_, dilation], [_, pad]) = (self.stride, self.dilation, self.pad);
        inside(ox * usize::from(stride) + kx * usize::from(dilation), usize::from(pad), columns)
    }
}

#[inline(always)]
fn inside(padded: usize, pad: usize, size: usize) -> Option<usize> {
    // Below the padding the subtraction wraps to a large number.
    let index = padded.wrapping_sub(pad);
    if index < size { Some(index) } else { None }
}

/// Convolution `[h, w, cin] -> [oh, ow, cout]`, weights `[cout, kh, kw, cin / groups]`.
///
/// # Numerics
/// See [`Accumulate`]; the accumulator wraps in 32 bits.
///
/// # Memory
/// Scratch: one widened column, see [`Conv2d::scratch_bytes`]. The result may be written over the residual
/// ([`Conv2d::over_residual`]) and, at a distance, over the input ([`Conv2d::over_input`]).
#[derive(Clone, Copy, Debug)]
pub struct Conv2d<'a> {
    /// Taps.
    pub geometry: Geometry,
    /// Channel groups.
    pub groups: u16,
    /// Input channels of a group; stored, because inference does not divide.
    pub group_inputs: u16,
    /// Output channels of a group.
    pub group_outputs: u16,
    /// Weights and requantisation.
    pub accumulate: Accumulate<'a>,
}

impl Conv2d<'_> {
    /// Checks shapes, types and constants.
    ///
    /// # Errors
    /// See [`KernelError`].
    pub fn check(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        check_specs(x, residual, y)?;
        self.fits(x, residual, y)?;
        linked::need(
            linked::WIDE || !self.in_blocks() || armv7em::finishes_conv2d(self, residual.is_some(), y),
        )
    }

    /// The same for operands that are checked, as those of tensors are, and wherever the results are finished.
    pub(crate) fn fits(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        self.geometry.check()?;
        let channels = |per_group: u16| u32::from(self.groups) * u32::from(per_group);
        if channels(self.group_inputs) != u32::from(x.dims.c)
            || channels(self.group_outputs) != u32::from(y.dims.c)
        {
            return Err(KernelError::InvalidGeometry);
        }
        linked::check(self.accumulate.weight_bits, residual, self.in_blocks())?;
        let row_len = self.column_len().ok_or(KernelError::InvalidShape)?;
        let (bits, rows) = (self.accumulate.weight_bits, usize::from(y.dims.c));
        let weights = match self.accumulate.layout.linked() {
            Layout::Dsp if self.groups == 1 => Packed { bytes: self.blocks().bytes(), words: true },
            Layout::Mve if self.groups == 1 => {
                Packed { bytes: mve::bytes(bits, rows, row_len), words: false }
            }
            _ => Packed::rows(bits, rows, row_len),
        };
        self.accumulate.fits(x, residual, y, weights)
    }

    /// Elements of a column: `kh * kw * cin / groups`; `None` when the number is too large.
    pub fn column_len(&self) -> Option<usize> {
        product(self.geometry.taps(), usize::from(self.group_inputs))
    }

    /// The blocks of weights in another layout than `rows` where there is one group.
    pub fn blocks(&self) -> Blocks {
        let [kh, kw] = self.geometry.kernel.map(usize::from);
        Blocks {
            bits: self.accumulate.weight_bits,
            rows: usize::from(self.group_outputs),
            kernel_rows: kh,
            row_len: kw * usize::from(self.group_inputs),
            channels: CONV_CHANNELS,
        }
    }

    /// Whether a kernel of the layout's own takes it: a layout other than `rows`, and not grouped.
    pub fn in_blocks(&self) -> bool {
        self.accumulate.layout.linked() != Layout::Rows && self.groups == 1
    }

    /// Bytes of scratch: one column, an element a byte; for weights in blocks a strip of columns.
    pub fn scratch_bytes(&self) -> usize {
        match self.accumulate.layout.linked() {
            Layout::Dsp if self.in_blocks() => armv7em::conv2d::scratch(self),
            Layout::Mve if self.in_blocks() => arch::mve::conv2d::scratch(self),
            Layout::Words if self.in_blocks() => words::conv2d::scratch(self),
            _ => self.column_len().unwrap_or(usize::MAX),
        }
    }

    /// Whether the kernel goes from the last pixel to the first: a larger result may then grow over its operand.
    pub fn descends(&self, x: &TensorSpec, y: &TensorSpec) -> bool {
        y.bytes() > x.bytes()
    }

    /// Where `y` may be written over `x`.
    pub fn over_input(&self, x: &TensorSpec, y: &TensorSpec) -> Overlap {
        // The column of a pixel holds its taps, but only those of one group.
        let held = self.groups > 1;
        if self.descends(x, y) {
            overlap::descending(&self.geometry, x, y, held)
        } else {
            overlap::ascending(&self.geometry, x, y, held)
        }
    }

    /// Where `y` may be written over a residual.
    pub fn over_residual(&self, x: &TensorSpec, residual: &TensorSpec, y: &TensorSpec) -> Overlap {
        overlap::residual(residual, y, self.descends(x, y))
    }
}
