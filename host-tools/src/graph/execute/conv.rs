//! Convolutions as matrix products over unfolded windows, depthwise ones by direct loops.

use crate::graph::{Conv, Dense, Shape};

use super::Operand;

pub(super) fn dense(op: &Dense, x: &[f32], out: &mut [f32]) {
    for row in out.chunks_exact_mut(op.outputs) {
        row.copy_from_slice(&op.bias);
    }
    add_product(Rows { data: x, stride: op.inputs, len: op.inputs }, &op.weight, out, op.outputs, op.outputs);
}

pub(super) fn conv(op: &Conv, x: Operand, shape: Shape, out: &mut [f32]) {
    for pixel in out.chunks_exact_mut(op.cout) {
        pixel.copy_from_slice(&op.bias);
    }
    let samples = x.data.chunks_exact(x.shape.len()).zip(out.chunks_exact_mut(shape.len()));
    if op.groups == x.shape.c && op.cout == op.groups {
        let taps = taps_first(op);
        samples.for_each(|(sample, out)| depthwise(op, &taps, sample, x.shape, out, shape));
        return;
    }
    let direct = op.kernel == [1, 1] && op.stride == [1, 1] && shape.h == x.shape.h && shape.w == x.shape.w;
    let (cin, cout) = (x.shape.c / op.groups, op.cout / op.groups);
    let len = op.kernel[0] * op.kernel[1] * cin;
    let mut windows = if direct { vec![] } else { vec![0.0; shape.h * shape.w * len] };
    for (sample, out) in samples {
        for g in 0..op.groups {
            let rows = if direct {
                Rows { data: &sample[g * cin..], stride: x.shape.c, len }
            } else {
                unfold(op, sample, x.shape, g * cin..(g + 1) * cin, shape, &mut windows);
                Rows { data: &windows, stride: len, len }
            };
            let weight = &op.weight[g * cout * len..][..cout * len];
            add_product(rows, weight, &mut out[g * cout..], cout, op.cout);
        }
    }
}

/// A matrix whose rows may lie apart.
struct Rows<'a> {
    data: &'a [f32],
    stride: usize,
    len: usize,
}

/// `out += rows * transpose(weight)`, `weight` being `[columns, len]`, the rows of `out` `stride` apart.
fn add_product(rows: Rows, weight: &[f32], out: &mut [f32], columns: usize, stride: usize) {
    let Rows { data, stride: step, len } = rows;
    // The last row may end before a whole stride does.
    let count = (out.len() + stride - columns) / stride;
    assert!(count > 0 && data.len() >= (count - 1) * step + len, "rows outside of the input");
    assert!(
        weight.len() >= columns * len && out.len() >= (count - 1) * stride + columns,
        "weights or output too short"
    );
    // SAFETY: the asserts bound the last element that each of the three matrices reaches, all strides
    // are positive, and `out` is borrowed exclusively.
    unsafe {
        matrixmultiply::sgemm(
            count,
            len,
            columns,
            1.0,
            data.as_ptr(),
            step as isize,
            1,
            weight.as_ptr(),
            1,
            len as isize,
            1.0,
            out.as_mut_ptr(),
            stride as isize,
            1,
        );
    }
}

/// Index of a tap in the input, if it lies inside.
fn tap(out: usize, stride: usize, k: usize, dilation: usize, before: usize, size: usize) -> Option<usize> {
    (out * stride + k * dilation).checked_sub(before).filter(|&i| i < size)
}

/// One row of taps per output position; taps in the padding are zero.
fn unfold(
    op: &Conv,
    x: &[f32],
    input: Shape,
    channels: std::ops::Range<usize>,
    output: Shape,
    rows: &mut [f32],
) {
    let cin = channels.len();
    let row_len = op.kernel[0] * op.kernel[1] * cin;
    for (position, row) in rows.chunks_exact_mut(row_len).enumerate() {
        let (oh, ow) = (position / output.w, position % output.w);
        for (kh, row) in row.chunks_exact_mut(op.kernel[1] * cin).enumerate() {
            let Some(ih) = tap(oh, op.stride[0], kh, op.dilation[0], op.padding.top, input.h) else {
                row.fill(0.0);
                continue;
            };
            for (kw, cells) in row.chunks_exact_mut(cin).enumerate() {
                match tap(ow, op.stride[1], kw, op.dilation[1], op.padding.left, input.w) {
                    Some(iw) => {
                        let pixel = (ih * input.w + iw) * input.c;
                        cells.copy_from_slice(&x[pixel + channels.start..pixel + channels.end]);
                    }
                    None => cells.fill(0.0),
                }
            }
        }
    }
}

/// Depthwise weights `[c, taps]` as `[taps, c]`, so that the inner loop runs over channels.
fn taps_first(op: &Conv) -> Vec<f32> {
    let taps = op.kernel[0] * op.kernel[1];
    (0..taps * op.cout).map(|i| op.weight[i % op.cout * taps + i / op.cout]).collect()
}

fn depthwise(op: &Conv, taps: &[f32], x: &[f32], input: Shape, out: &mut [f32], output: Shape) {
    let c = op.cout;
    for (position, pixel) in out.chunks_exact_mut(c).enumerate() {
        let (oh, ow) = (position / output.w, position % output.w);
        for kh in 0..op.kernel[0] {
            let Some(ih) = tap(oh, op.stride[0], kh, op.dilation[0], op.padding.top, input.h) else {
                continue;
            };
            for kw in 0..op.kernel[1] {
                let Some(iw) = tap(ow, op.stride[1], kw, op.dilation[1], op.padding.left, input.w) else {
                    continue;
                };
                let weight = &taps[(kh * op.kernel[1] + kw) * c..][..c];
                let source = &x[(ih * input.w + iw) * c..][..c];
                for ((sum, w), v) in pixel.iter_mut().zip(weight).zip(source) {
                    *sum += w * v;
                }
            }
        }
    }
}
