//! Depthwise convolution: one kernel per channel, as many channels out as in.

use core::cell::Cell;

use super::{Accumulate, Geometry, Overlap, Packed, check_specs, overlap};
use crate::arch::{armv7em, mve, words};
use crate::linked;
use crate::scratch::take;
use crate::size::product;
use crate::{KernelError, Layout, Tensor, TensorSpec};

/// Depthwise convolution `[h, w, c] -> [oh, ow, c]`, weights `[kh * kw, c]`: a packed row per tap.
///
/// # Memory
/// Layout `rows`: no scratch when input and result are apart, or the result runs ahead of the taps. Closer over the
/// input ([`Depthwise::over_input`]) the scratch holds the `pad_top + 1` input rows that the result has overwritten
/// ([`Depthwise::scratch_bytes`]). Layout `words` has a 3x3 kernel of its own, whose scratch holds widened rows.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise<'a> {
    /// Taps.
    pub geometry: Geometry,
    /// Weights and requantisation.
    pub accumulate: Accumulate<'a>,
}

impl Depthwise<'_> {
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
        self.fits(x, residual, y)
    }

    /// The rest of [`check`](Self::check), for operands that are checked, as those of tensors are.
    pub(crate) fn fits(
        &self,
        x: &TensorSpec,
        residual: Option<&TensorSpec>,
        y: &TensorSpec,
    ) -> Result<(), KernelError> {
        self.geometry.check()?;
        if x.dims.c != y.dims.c {
            return Err(KernelError::InvalidShape);
        }
        let own = match self.accumulate.layout.linked() {
            Layout::Mve => mve::depthwise::takes,
            _ => armv7em::depthwise::takes,
        };
        let tier = !linked::PORTABLE && own(self, residual.is_some(), x, y);
        linked::check(self.accumulate.weight_bits, residual, tier)?;
        let (bits, channels) = (self.accumulate.weight_bits, usize::from(x.dims.c));
        self.accumulate.fits(x, residual, y, Packed::rows(bits, self.geometry.taps(), channels))
    }

    /// Bytes of scratch where the result starts `distance` bytes behind the input; `None` where they lie apart. Where
    /// a layout has a kernel of its own always those of the ring, and what that kernel needs.
    pub fn scratch_bytes(&self, x: &TensorSpec, y: &TensorSpec, distance: Option<i32>) -> usize {
        if self.own_scratch(x, y).is_some() {
            return self.kept_bytes(x, y);
        }
        let ring = if self.needs_ring(x, y, distance) { self.ring_bytes(x) } else { 0 };
        if self.accumulate.layout.linked() == Layout::Words {
            return ring.max(words::depthwise::scratch(self, x, y));
        }
        ring
    }

    fn needs_ring(&self, x: &TensorSpec, y: &TensorSpec, distance: Option<i32>) -> bool {
        !distance.is_none_or(|distance| self.without_ring(x, y).allows(distance))
    }

    /// Bytes from the start of the input to that of the result; `None` where they lie apart.
    pub(crate) fn distance(x: &Tensor, y: &Tensor) -> Option<i32> {
        let (first, second) = (x.cells().as_ptr_range(), y.cells().as_ptr_range());
        let apart = second.start >= first.end || first.start >= second.end;
        (!apart).then(|| second.start.addr().wrapping_sub(first.start.addr()) as i32)
    }

    /// Layout `words`: the part of the scratch that holds overwritten rows, none where the result overwrites none that
    /// are still needed.
    pub(crate) fn ring<'a>(
        &self,
        x: &Tensor,
        y: &Tensor,
        scratch: &'a [Cell<u8>],
    ) -> Result<&'a [Cell<u8>], KernelError> {
        let (x_spec, y_spec, distance) = (x.spec(), y.spec(), Self::distance(x, y));
        let scratch = take(scratch, self.scratch_bytes(&x_spec, &y_spec, distance))?;
        let ring = if self.needs_ring(&x_spec, &y_spec, distance) { self.ring_bytes(&x_spec) } else { 0 };
        Ok(scratch.get(..ring).unwrap_or(&[]))
    }

    /// Scratch of the layout's own kernel; `None` where it has none for these shapes and types.
    fn own_scratch(&self, x: &TensorSpec, y: &TensorSpec) -> Option<usize> {
        match self.accumulate.layout.linked() {
            Layout::Rows | Layout::Words => None,
            Layout::Dsp => Some(armv7em::depthwise::scratch(self, x, y)),
            Layout::Mve => mve::depthwise::scratch(self, x, y),
        }
    }

    /// The same where the layout has a kernel of its own: it does not depend on the distance.
    pub(crate) fn kept_bytes(&self, x: &TensorSpec, y: &TensorSpec) -> usize {
        self.ring_bytes(x).max(self.own_scratch(x, y).unwrap_or(0))
    }

    /// Bytes of the input rows that are kept.
    pub(crate) fn ring_bytes(&self, x: &TensorSpec) -> usize {
        let [pad, _] = self.geometry.pad;
        let row = product(x.pixel_bytes(), usize::from(x.dims.w));
        row.and_then(|row| product(row, usize::from(pad) + 1)).unwrap_or(usize::MAX)
    }

    /// Where `y` may be written over `x`.
    pub fn over_input(&self, x: &TensorSpec, y: &TensorSpec) -> Overlap {
        let shorter = y.pixel_bytes() * usize::from(y.dims.w) <= x.pixel_bytes() * usize::from(x.dims.w);
        if self.own_scratch(x, y).is_some() {
            // A few channels of all pixels at a time: a result lies only over the same channel.
            let inside = shorter && y.dims.w <= x.dims.w && y.dims.h <= x.dims.h;
            return Overlap::same_if(inside && y.dtype.bits() <= x.dtype.bits());
        }
        let free = self.without_ring(x, y);
        // Row on row: the ring holds what the result overwrites.
        if shorter && !free.allows(0) { Overlap::up_to(0) } else { free }
    }

    /// Where `y` may be written over `x` by a kernel that reads the taps from there.
    fn without_ring(&self, x: &TensorSpec, y: &TensorSpec) -> Overlap {
        overlap::ascending(&self.geometry, x, y, y.dtype.bits() > x.dtype.bits())
    }

    /// Where `y` may be written over a residual.
    pub fn over_residual(&self, residual: &TensorSpec, y: &TensorSpec) -> Overlap {
        overlap::residual(residual, y, false)
    }
}
