//! Pooling, crops, pads and concatenation.

use crate::graph::{Pool, PoolKind, Shape, Window};

use super::Operand;

pub(super) fn pool(op: &Pool, x: Operand, shape: Shape, out: &mut [f32]) {
    let Shape { w, c, .. } = x.shape;
    let max = op.kind == PoolKind::Max;
    for (sample, out) in x.data.chunks_exact(x.shape.len()).zip(out.chunks_exact_mut(shape.len())) {
        for (position, pixel) in out.chunks_exact_mut(c).enumerate() {
            let [rows, columns] = op.taps(x.shape, [position / shape.w, position % shape.w]);
            let divisor = op.divisor(rows.len() * columns.len());
            pixel.fill(if max { f32::NEG_INFINITY } else { 0.0 });
            for row in rows {
                for column in columns.clone() {
                    let source = &sample[(row * w + column) * c..][..c];
                    for (y, &v) in pixel.iter_mut().zip(source) {
                        *y = if max { y.max(v) } else { *y + v };
                    }
                }
            }
            if !max {
                pixel.iter_mut().for_each(|y| *y /= divisor);
            }
        }
    }
}

pub(super) fn window(op: &Window, x: Operand, shape: Shape, out: &mut [f32]) {
    for (sample, out) in x.data.chunks_exact(x.shape.len()).zip(out.chunks_exact_mut(shape.len())) {
        for (position, pixel) in out.chunks_exact_mut(shape.c).enumerate() {
            let source = op.pixel(x.shape, [position / shape.w, position % shape.w]);
            let source = source.map(|at| &sample[at * x.shape.c..][..x.shape.c]);
            for (i, y) in pixel.iter_mut().enumerate() {
                let value = source.and_then(|s| op.channel(x.shape, i).map(|i| s[i]));
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
