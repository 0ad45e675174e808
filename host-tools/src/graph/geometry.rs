//! What operators read: convolutions and dense layers as the kernels of `convolution` see them, the taps of
//! pools, the sources of crops.

use std::ops::Range;

use super::{Conv, Dense, Pool, PoolKind, Shape, Window};
use crate::convolution::Geometry;

impl Conv {
    /// From images of `input` to images of `output`.
    pub(crate) fn geometry(&self, batch: usize, input: Shape, output: Shape) -> Geometry {
        Geometry {
            batch,
            input: [input.h, input.w, input.c],
            output: [output.h, output.w, output.c],
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad: [self.padding.top, self.padding.left],
            groups: self.groups,
        }
    }
}

impl Dense {
    /// A 1x1 convolution of one pixel.
    pub(crate) fn geometry(&self, batch: usize) -> Geometry {
        Geometry {
            batch,
            input: [1, 1, self.inputs],
            output: [1, 1, self.outputs],
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [0, 0],
            groups: 1,
        }
    }
}

impl Pool {
    /// Rows and columns of an input of shape `x` that the output at `position`, a row and a column, reads.
    pub(crate) fn taps(&self, x: Shape, position: [usize; 2]) -> [Range<usize>; 2] {
        let inside = |axis: usize, before: usize, size: usize| {
            let start = position[axis] * self.stride[axis];
            start.saturating_sub(before)..(start + self.kernel[axis]).saturating_sub(before).min(size)
        };
        [inside(0, self.padding.top, x.h), inside(1, self.padding.left, x.w)]
    }

    /// What the sum of so many taps inside the input is divided by.
    pub(crate) fn divisor(&self, taps: usize) -> f32 {
        let divisor = match self.kind {
            PoolKind::Max => 1,
            PoolKind::Average { count_padding: true } => self.kernel[0] * self.kernel[1],
            PoolKind::Average { count_padding: false } => taps,
        };
        divisor.max(1) as f32
    }
}

impl Window {
    /// The pixel of an input of shape `x` that the output at `position`, a row and a column, is a copy of; `None`
    /// for padding.
    pub(crate) fn pixel(&self, x: Shape, position: [usize; 2]) -> Option<usize> {
        let row = source(position[0] * self.stride[0], self.offset[0], x.h)?;
        let column = source(position[1] * self.stride[1], self.offset[1], x.w)?;
        Some(row * x.w + column)
    }

    /// The channel of an input of shape `x` that the output's `channel` is a copy of; `None` for padding.
    pub(crate) fn channel(&self, x: Shape, channel: usize) -> Option<usize> {
        source(channel, self.offset[2], x.c)
    }
}

fn source(at: usize, offset: isize, size: usize) -> Option<usize> {
    at.checked_add_signed(offset).filter(|&at| at < size)
}
