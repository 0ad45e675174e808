//! Where a result may share bytes with an operand: the distances at which an operator's order of work never
//! writes over what it still has to read.
//!
//! # The order of work
//! A kernel goes through the pixels of its result from the first to the last, [`Conv2d`](super::Conv2d) from the
//! last to the first where the result is larger than the operand. Before it writes pixel `q`, the result's bytes
//! up to `q * pixel` are written; the operand is still needed from the first byte on that pixel `q` reads. So
//! the result may start `distance` bytes behind the operand where, for every `q`,
//! `distance + q * pixel <= first byte read by q`. Rows and columns count by themselves, so the smallest difference is
//! the sum of theirs.

use super::Geometry;
use crate::TensorSpec;

/// Distances in bytes, from the start of an operand to the start of a result, at which the two may overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    lowest: i32,
    highest: i32,
}

impl Overlap {
    /// Result and operand lie apart.
    pub const NEVER: Self = Self { lowest: 1, highest: 0 };
    /// The result starts where the operand starts.
    pub const SAME: Self = Self { lowest: 0, highest: 0 };

    /// The result starts at most `highest` bytes behind the operand, or anywhere before.
    pub const fn up_to(highest: i32) -> Self {
        Self { lowest: i32::MIN, highest }
    }

    /// The result starts at least `lowest` bytes behind the operand.
    pub const fn from(lowest: i32) -> Self {
        Self { lowest, highest: i32::MAX }
    }

    /// [`Overlap::SAME`] or [`Overlap::NEVER`].
    pub(crate) const fn same_if(allowed: bool) -> Self {
        if allowed { Self::SAME } else { Self::NEVER }
    }

    /// Whether the result may start `distance` bytes behind the operand.
    pub const fn allows(self, distance: i32) -> bool {
        self.lowest <= distance && distance <= self.highest
    }

    /// First and last distance that is allowed and in `lo..=hi`.
    #[cfg(any(test, feature = "conformance"))]
    pub(crate) fn within(self, lo: i32, hi: i32) -> Option<(i32, i32)> {
        let (lo, hi) = (self.lowest.max(lo), self.highest.min(hi));
        (lo <= hi).then_some((lo, hi))
    }

    /// The smallest distance, either way, that is allowed and a multiple of `align`, a power of two.
    pub const fn nearest(self, align: i32) -> Option<i32> {
        let distance = if self.lowest > 0 {
            self.lowest.saturating_add(align - 1) & -align
        } else if self.highest < 0 {
            self.highest & -align
        } else {
            0
        };
        if self.allows(distance) { Some(distance) } else { None }
    }
}

/// Where an element-wise operator may write its result: it goes from the first element to the last, and neither
/// start nor end of the result lie behind those of the operand.
pub fn elementwise(operand: &TensorSpec, y: &TensorSpec) -> Overlap {
    if operand.dims != y.dims {
        return Overlap::NEVER;
    }
    Overlap::up_to((size(operand) - size(y)).min(0))
}

/// Where a step may write its result over a residual operand: element on element. Kernels may finish a few pixels
/// together, and those with a larger result go backwards, so one type may differ only for the other order.
pub(crate) fn residual(operand: &TensorSpec, y: &TensorSpec, descends: bool) -> Overlap {
    let (bits, result) = (operand.dtype.bits(), y.dtype.bits());
    Overlap::same_if(operand.dims == y.dims && (result == bits || (result < bits && !descends)))
}

/// For a window operator that goes from the first pixel to the last: see the head of this file. `held` says that
/// a pixel's taps may be read again until all of its result is written.
pub(crate) fn ascending(geometry: &Geometry, x: &TensorSpec, y: &TensorSpec, held: bool) -> Overlap {
    if x.bytes().is_none() || y.bytes().is_none() {
        return Overlap::NEVER;
    }
    Overlap::up_to(slack(geometry, geometry.pad.map(i32::from), x, y, held))
}

/// The same from the last pixel to the first: its mirror image, with the padding below and to the right.
pub(crate) fn descending(geometry: &Geometry, x: &TensorSpec, y: &TensorSpec, held: bool) -> Overlap {
    if x.bytes().is_none() || y.bytes().is_none() {
        return Overlap::NEVER;
    }
    // Padding on the far side, negative where inputs are left over there.
    let far = |kernel: u8, stride: u8, dilation: u8, pad: u8, inputs: u16, outputs: u16| {
        let reach = (i32::from(kernel) - 1) * i32::from(dilation) - i32::from(pad);
        (i32::from(outputs) - 1) * i32::from(stride) + reach - (i32::from(inputs) - 1)
    };
    let Geometry { kernel: [kh, kw], stride: [sh, sw], dilation: [dh, dw], pad: [top, left] } = *geometry;
    let pad = [far(kh, sh, dh, top, x.dims.h, y.dims.h), far(kw, sw, dw, left, x.dims.w, y.dims.w)];
    Overlap::from((size(x) - size(y)).saturating_sub(slack(geometry, pad, x, y, held)))
}

/// The largest distance of the head of this file.
fn slack(geometry: &Geometry, [pad_h, pad_w]: [i32; 2], x: &TensorSpec, y: &TensorSpec, held: bool) -> i32 {
    let (in_pixel, pixel) = (x.pixel_bytes() as i32, y.pixel_bytes() as i32);
    let (in_width, width) = (i32::from(x.dims.w), i32::from(y.dims.w));
    let [stride_h, stride_w] = geometry.stride.map(i32::from);
    let rows = (x.dims.h.into(), y.dims.h.into());
    let down = axis(stride_h, pad_h, rows, (in_width * in_pixel, width * pixel));
    let right = axis(stride_w, pad_w, (in_width, width), (in_pixel, pixel));
    down.saturating_add(right).saturating_sub(if held { pixel } else { 0 })
}

/// Smallest `first * step - i * result` over the outputs `i`, where output `i` reads from input
/// `first = i * stride - pad` on, not before the first input. Both products are offsets in checked tensors, so they
/// do not overflow.
#[inline(never)]
fn axis(stride: i32, pad: i32, (inputs, outputs): (i32, i32), (step, result): (i32, i32)) -> i32 {
    // Every output, not the ends of the linear pieces alone: to find those takes a division, and kernels ask too.
    (0..outputs).fold(i32::MAX, |least, i| {
        let first = (i * stride - pad).max(0).min(inputs);
        least.min(first * step - i * result)
    })
}

/// Bytes of a checked tensor: less than two gibibytes.
fn size(spec: &TensorSpec) -> i32 {
    spec.bytes().unwrap_or(0) as i32
}
