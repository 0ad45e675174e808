//! Pooling, crops, pads and concatenation.

use crate::graph::{Pool, PoolKind, Shape, Window};

use super::Operand;

pub(super) fn pool(op: &Pool, x: Operand, shape: Shape, out: &mut [f32]) {
    let Shape { h, w, c } = x.shape;
    for (x, out) in x.data.chunks_exact(x.shape.len()).zip(out.chunks_exact_mut(shape.len())) {
        for (position, pixel) in out.chunks_exact_mut(c).enumerate() {
            let inside = |out: usize, axis: usize, before: usize, size: usize| {
                let start = out * op.stride[axis];
                start.saturating_sub(before)..(start + op.kernel[axis]).saturating_sub(before).min(size)
            };
            let rows = inside(position / shape.w, 0, op.padding.top, h);
            let columns = inside(position % shape.w, 1, op.padding.left, w);
            let taps = rows.len() * columns.len();
            let max = op.kind == PoolKind::Max;
            pixel.fill(if max { f32::NEG_INFINITY } else { 0.0 });
            for row in rows {
                for column in columns.clone() {
                    let source = &x[(row * w + column) * c..][..c];
                    for (y, &v) in pixel.iter_mut().zip(source) {
                        *y = if max { y.max(v) } else { *y + v };
                    }
                }
            }
            let divisor = match op.kind {
                PoolKind::Max => continue,
                PoolKind::Average { count_padding: true } => op.kernel[0] * op.kernel[1],
                PoolKind::Average { count_padding: false } => taps,
            };
            pixel.iter_mut().for_each(|y| *y /= divisor.max(1) as f32);
        }
    }
}

pub(super) fn window(op: &Window, x: Operand, shape: Shape, out: &mut [f32]) {
    let index = |i: usize, stride: usize, offset: isize, size: usize| {
        usize::try_from((i * stride) as isize + offset).ok().filter(|&i| i < size)
    };
    for (sample, out) in x.data.chunks_exact(x.shape.len()).zip(out.chunks_exact_mut(shape.len())) {
        for (position, pixel) in out.chunks_exact_mut(shape.c).enumerate() {
            let row = index(position / shape.w, op.stride[0], op.offset[0], x.shape.h);
            let column = index(position % shape.w, op.stride[1], op.offset[1], x.shape.w);
            let source =
                row.zip(column).map(|(r, q)| &sample[(r * x.shape.w + q) * x.shape.c..][..x.shape.c]);
            for (i, y) in pixel.iter_mut().enumerate() {
                let value = source.and_then(|s| index(i, 1, op.offset[2], s.len()).map(|i| s[i]));
                *y = value.unwrap_or(op.fill);
            }
        }
    }
}

pub(super) fn concat(operands: &[Operand], out: &mut [f32]) {
    let width: usize = operands.iter().map(|o| o.shape.c).sum();
    let mut first = 0;
    for o in operands {
        for (pixel, source) in out.chunks_exact_mut(width).zip(o.data.chunks_exact(o.shape.c)) {
            pixel[first..first + o.shape.c].copy_from_slice(source);
        }
        first += o.shape.c;
    }
}
