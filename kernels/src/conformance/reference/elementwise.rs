//! Operators without windows, and those that only move elements.

use super::{At, scale_down, wrap};
use crate::numerics::Clamp;
use crate::op::{Add, Concat, Rescale, Table, Window};
use crate::{Dtype, Tensor};

pub(super) fn rescale_value(value: i64, multiplier: i32, offset: i32, shift: u8, clamp: Clamp) -> i32 {
    let word = wrap(wrap(value) * i64::from(multiplier) + i64::from(offset));
    scale_down(i128::from(word), shift, clamp)
}

pub(in super::super) fn add(a: &Tensor, b: &Tensor, op: &Add, [h, w, c]: At) -> i32 {
    let a = i64::from(a.get(h, w, c)) * i64::from(op.a_multiplier);
    let b = i64::from(b.get(h, w, c)) * i64::from(op.b_multiplier);
    scale_down(i128::from(wrap(a + b + i64::from(op.offset))), op.shift, op.clamp)
}

pub(in super::super) fn rescale(x: &Tensor, op: &Rescale, [h, w, c]: At) -> i32 {
    let entry = if op.multipliers.len() == 1 { 0 } else { c };
    let (multiplier, offset) = (op.multipliers[entry], op.offsets[entry]);
    rescale_value(i64::from(x.get(h, w, c)), multiplier, offset, op.shift, op.clamp)
}

/// `y` is the result before the call: channels of other parts keep their elements.
pub(in super::super) fn concat(x: &Tensor, op: &Concat, y: &Tensor, [h, w, c]: At) -> i32 {
    match c.checked_sub(usize::from(op.first)) {
        Some(part) if part < usize::from(x.spec().dims.c) => {
            rescale_value(i64::from(x.get(h, w, part)), op.multiplier, op.offset, op.shift, op.clamp)
        }
        _ => y.get(h, w, c),
    }
}

pub(in super::super) fn table(x: &Tensor, op: &Table, y: Dtype, [h, w, c]: At) -> i32 {
    let lowest = if x.spec().dtype == Dtype::I8 { -128 } else { 0 };
    let entry = op.entries[(x.get(h, w, c) - lowest) as usize];
    if y == Dtype::U4 { i32::from(entry % 16) } else { i32::from(entry as i8) }
}

pub(in super::super) fn window(x: &Tensor, op: &Window, at: At) -> i32 {
    let dims = x.spec().dims;
    let stride = [i64::from(op.stride[0]), i64::from(op.stride[1]), 1];
    let [h, w, c] = [0, 1, 2].map(|axis| at[axis] as i64 * stride[axis] + i64::from(op.offset[axis]));
    let inside = |index: i64, size: u16| 0 <= index && index < i64::from(size);
    if inside(h, dims.h) && inside(w, dims.w) && inside(c, dims.c) {
        x.get(h as usize, w as usize, c as usize)
    } else {
        i32::from(op.fill)
    }
}

pub(in super::super) fn argmax(x: &Tensor) -> usize {
    let (rows, columns, channels) = x.spec().dims.hwc();
    let value = |i: usize| x.get(i / channels / columns, i / channels % columns, i % channels);
    let count = rows * columns * channels;
    (0..count).rev().max_by_key(|&i| value(i)).unwrap_or(0)
}
