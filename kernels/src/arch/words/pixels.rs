//! Convolution of bytes with 8-bit weights a pixel at a time: its column as bytes meets four output channels at once.

use core::cell::Cell;

use super::conv2d::Order;
use super::four::{Bytes, Pixel};
use super::product::{dense, store_dense};
use crate::Tensor;
use crate::op::Conv2d;

/// Runs a checked step; `column` holds as many bytes as a row of weights.
pub(super) fn run(x: &Tensor, op: &Conv2d, bytes: &Bytes, column: &[Cell<u8>], y: &Tensor) {
    let (rows, columns, channels) = y.spec().dims.hwc();
    let results = bytes.results();
    let mut order = Order::new((rows, columns), op.descends(&x.spec(), &y.spec()));
    for _ in 0..rows * columns {
        let (oy, ox) = order.next();
        fill(x, op, (oy, ox), column);
        let out = y.pixel(oy, ox);
        let mut c = store_dense(column, op.accumulate.weights, results, out);
        // The last channels one by one: four times the same row.
        let output = Pixel::new(&op.accumulate, y, None, (oy, ox));
        while c < channels {
            let weights = op.accumulate.weights.get(c * column.len()..).unwrap_or(&[]);
            let [sum, ..] = dense(column, weights, 0);
            output.store_one(c, sum);
            c += 1;
        }
    }
    bytes.clamp();
}

/// Fills the column of a pixel.
fn fill(x: &Tensor, op: &Conv2d, (oy, ox): (usize, usize), column: &[Cell<u8>]) {
    let (height, width, channels) = x.spec().dims.hwc();
    let geometry = &op.geometry;
    let [kh, kw] = geometry.kernel.map(usize::from);
    let inside = geometry.dilation[1] == 1 && geometry.column(ox, kw - 1, width).is_some();
    let start = geometry.column(ox, 0, width).filter(|_| inside);
    let mut rest = column;
    for ky in 0..kh {
        let row = geometry.row(oy, ky, height);
        if let (Some(iy), Some(ix)) = (row, start) {
            rest = copy(x.cells().get((iy * width + ix) * channels..), kw * channels, rest);
            continue;
        }
        for kx in 0..kw {
            let pixel = row.zip(geometry.column(ox, kx, width)).map(|(iy, ix)| x.pixel(iy, ix));
            if pixel.is_none() {
                let zero = x.spec().zero as u8;
                rest.iter().take(channels).for_each(|byte| byte.set(zero));
            }
            rest = copy(pixel, channels, rest);
        }
    }
}

/// Copies bytes where there are any; what lies behind them.
#[inline(always)]
fn copy<'a>(from: Option<&[Cell<u8>]>, count: usize, to: &'a [Cell<u8>]) -> &'a [Cell<u8>] {
    let (now, behind) = to.split_at_checked(count).unwrap_or((&[], &[]));
    now.iter().zip(from.unwrap_or(&[])).for_each(|(to, from)| to.set(from.get()));
    behind
}
