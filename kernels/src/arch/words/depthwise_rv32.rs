//! Depthwise convolution on RV32IM with kernels of 3x3 and strides of 1 and 2, a row of results at a time.

#![allow(unsafe_code, reason = "the call of instructions by name")]

use super::depthwise_rv32_asm::{SIDE, Task, stride_1, stride_2};
use super::four::SHIFT;
use crate::generic::depthwise::Source;
use crate::op::Depthwise;
use crate::{Dtype, Tensor, WeightBits, Weights};

const TAPS: usize = SIDE * SIDE;

/// Channels whose narrow weights are widened together.
const GROUP: usize = 16;

/// Widens the first weights of a packed row.
fn widen(row: &[u8], bits: WeightBits, wide: &mut [u8; GROUP]) {
    let weight = |byte: u8, up: u32, down: u32| ((byte << up) as i8 >> down) as u8;
    match bits {
        WeightBits::W8 => wide.iter_mut().zip(row).for_each(|(wide, &byte)| *wide = byte),
        WeightBits::W4 => {
            for (wide, &byte) in wide.as_chunks_mut::<2>().0.iter_mut().zip(row) {
                *wide = [weight(byte, 4, 4), weight(byte, 0, 4)];
            }
        }
        WeightBits::W2 => {
            for (wide, &byte) in wide.as_chunks_mut::<4>().0.iter_mut().zip(row) {
                *wide = [6, 4, 2, 0].map(|up| weight(byte, up, 6));
            }
        }
    }
}

/// Rows of results on this kernel.
pub(super) struct Lines<'a> {
    x: &'a Tensor<'a>,
    y: &'a Tensor<'a>,
    op: &'a Depthwise<'a>,
    weights: Weights<'a>,
    left: bool,
    right: bool,
    up: u32,
}

impl<'a> Lines<'a> {
    /// `None` for what it does not take. Rows of the input that a row of the result overwrites must be kept, if any.
    pub(super) fn new(
        x: &'a Tensor<'a>,
        op: &'a Depthwise<'a>,
        weights: Weights<'a>,
        kept: bool,
        y: &'a Tensor<'a>,
    ) -> Option<Self> {
        let (geometry, accumulate) = (&op.geometry, &op.accumulate);
        let (_, columns, _) = y.spec().dims.hwc();
        let (_, width, _) = x.spec().dims.hwc();
        let (input, output) = (x.cells().as_ptr_range(), y.cells().as_ptr_range());
        let apart = input.end <= output.start || output.end <= input.start;
        // Rows of the result are no longer than those of the input, so one lies over none that is not yet kept.
        let kept = kept && output.start <= input.start;
        let bytes = [x, y].iter().all(|tensor| tensor.spec().dtype == Dtype::I8);
        // A sum is a bias and products of bytes; times 2^up it must keep to 32 bits.
        let up = u32::from(SHIFT.checked_sub(accumulate.shift)?);
        let most = (i32::MAX >> up.min(31)) - (TAPS as i32) * (1 << 14);
        let small = up == 0 || accumulate.bias.iter().all(|&bias| (-most..=most).contains(&bias));
        let left = geometry.pad[1] == 1;
        // All but the first and the last column of a row's pixels are in the row.
        let last = (columns - 1) * usize::from(geometry.stride[1]) + 1;
        let middle = last.checked_sub(usize::from(geometry.pad[1]))?;
        let right = middle + 1 >= width;
        let taken = bytes
            && small
            && (kept || apart)
            && geometry.kernel == [3, 3]
            && geometry.dilation == [1, 1]
            && matches!(geometry.stride[1], 1 | 2)
            && geometry.pad[1] <= 1
            && middle < width
            && !(left && right && columns == 1);
        taken.then_some(Self { x, y, op, weights, left, right, up })
    }

    /// Writes row `oy` of the result.
    pub(super) fn write(&self, oy: usize, source: &Source) {
        let (geometry, accumulate) = (&self.op.geometry, &self.op.accumulate);
        let (height, width, channels) = self.x.spec().dims.hwc();
        let (_, columns, _) = self.y.spec().dims.hwc();
        let rows = [0, 1, 2].map(|ky| geometry.row(oy, ky, height));
        let inputs = rows.map(|row| row.map_or(self.x.row(0), |row| source.row(row, oy)));
        let out = self.y.row(oy);
        let inner = if self.right { columns - 1 } else { columns };
        let bits = self.weights.bits();
        let group = if bits == WeightBits::W8 { channels } else { GROUP };
        let mut wide = [0u8; TAPS * GROUP];
        let mut first = 0;
        while first < channels {
            let count = group.min(channels - first);
            if bits != WeightBits::W8 {
                for (tap, wide) in wide.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
                    let row = self.weights.row(tap).get(first >> bits.log2_per_byte()..);
                    widen(row.unwrap_or(&[]), bits, wide);
                }
            }
            let (weights, tap) =
                if bits == WeightBits::W8 { (accumulate.weights, channels) } else { (&wide[..], GROUP) };
            let taps = weights.get(..TAPS * tap);
            let bias = accumulate.bias.get(first..first + count);
            let multipliers = accumulate.multipliers.get(first..first + count);
            let whole =
                inputs.iter().all(|row| row.len() >= width * channels) && out.len() >= columns * channels;
            let (Some(taps), Some(bias), Some(multipliers), true) = (taps, bias, multipliers, whole) else {
                return;
            };
            let mut task = Task {
                rows: inputs.map(|row| row.as_ptr().wrapping_add(first)),
                outside: rows.map(|row| row.is_none().into()),
                weights: taps.as_ptr(),
                tap,
                bias: bias.as_ptr(),
                multipliers: multipliers.as_ptr(),
                out: out.as_ptr().wrapping_add(first),
                pixel: channels,
                channels: count,
                zero: self.x.spec().zero.into(),
                lo: accumulate.clamp.lo.into(),
                hi: accumulate.clamp.hi.into(),
                left: self.left.into(),
                inner: inner * channels,
                right: self.right.into(),
                up: self.up,
            };
            // SAFETY: rows and results are whole, and by `new` the pixels need `width` columns at most; `count` weights
            // of every tap, biases and multipliers were found above. Cells may be written through a shared reference.
            unsafe { if geometry.stride[1] == 1 { stride_1(&mut task) } else { stride_2(&mut task) } }
            first += count;
        }
    }
}
