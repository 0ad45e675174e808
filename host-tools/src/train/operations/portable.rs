//! The operations in burn's own tensor operations, for every device. 64-bit products are made of 14-bit digits,
//! because not every device has 64-bit integers.

use burn::backend::tensor::{BoolTensor, Device, FloatTensor, IntTensor};
use burn::backend::{Backend, BoolDType, FloatDType, IntDType, TensorMetadata};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Shape, TensorData};

use super::rule::{Integers, Rule};
use super::{Geometry, Gradients, Inputs, weight_shape};

/// From NHWC to NCHW, and from `[co, kh, kw, ci]` to `[co, ci, kh, kw]`.
const CHANNELS_FIRST: [usize; 4] = [0, 3, 1, 2];
/// Back.
const CHANNELS_LAST: [usize; 4] = [0, 2, 3, 1];

fn options(geometry: &Geometry) -> ConvOptions<2> {
    let padding = std::array::from_fn(|i| {
        let reach = (geometry.output[i] - 1) * geometry.stride[i];
        let taps = (geometry.kernel[i] - 1) * geometry.dilation[i] + 1;
        let after = (reach + taps).saturating_sub(geometry.pad[i] + geometry.input[i]);
        (geometry.pad[i], after)
    });
    let Geometry { stride, dilation, groups, .. } = *geometry;
    ConvOptions { stride, padding, dilation, groups }
}

pub(super) fn convolve<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    geometry: &Geometry,
) -> FloatTensor<B> {
    let x = B::float_permute(x, &CHANNELS_FIRST);
    let weight = B::float_permute(weight, &CHANNELS_FIRST);
    let y = B::conv2d(x, weight, None, options(geometry));
    let [h, w, _] = geometry.output;
    // Rows and columns that no window reaches, where the output was cut short.
    let y = B::float_slice(y, &[slice(geometry.batch), slice(geometry.output[2]), slice(h), slice(w)]);
    B::float_permute(y, &CHANNELS_LAST)
}

fn slice(length: usize) -> burn::tensor::Slice {
    (0..length).into()
}

pub(super) fn convolve_input<B: Backend>(
    gradient: FloatTensor<B>,
    weight: FloatTensor<B>,
    geometry: &Geometry,
) -> FloatTensor<B> {
    let [h, w, c] = geometry.input;
    let device = gradient.device();
    let x = B::float_zeros(Shape::from([geometry.batch, c, h, w]), &device, FloatDType::F32);
    let gradient = B::float_permute(gradient, &CHANNELS_FIRST);
    let weight = B::float_permute(weight, &CHANNELS_FIRST);
    B::float_permute(B::conv2d_x_backward(x, weight, gradient, options(geometry)), &CHANNELS_LAST)
}

pub(super) fn convolve_weight<B: Backend>(
    x: FloatTensor<B>,
    gradient: FloatTensor<B>,
    geometry: &Geometry,
) -> FloatTensor<B> {
    let [co, kh, kw, ci] = weight_shape(geometry);
    let weight = B::float_zeros(Shape::from([co, ci, kh, kw]), &x.device(), FloatDType::F32);
    let x = B::float_permute(x, &CHANNELS_FIRST);
    let gradient = B::float_permute(gradient, &CHANNELS_FIRST);
    B::float_permute(B::conv2d_weight_backward(x, weight, gradient, options(geometry)), &CHANNELS_LAST)
}

pub(super) fn requantize<B: Backend>(inputs: &Inputs<B>, rule: &Rule) -> FloatTensor<B> {
    let (lo, hi) = rule.clamp;
    let y = match &rule.integers {
        Some(integers) => {
            let y = exact::<B>(inputs, integers);
            B::int_into_float(B::int_clamp(y, lo.into(), hi.into()), FloatDType::F32)
        }
        None => B::float_clamp(rounded::<B>(value::<B>(inputs, rule)), lo.into(), hi.into()),
    };
    B::float_add_scalar(y, (-rule.zero).into())
}

/// `a * gain + b * residual_gain + shift`.
fn value<B: Backend>(inputs: &Inputs<B>, rule: &Rule) -> FloatTensor<B> {
    let row = |entries: &FloatTensor<B>| {
        let length = entries.shape().num_elements();
        B::float_reshape(entries.clone(), Shape::from([1, 1, 1, length]))
    };
    let scaled = B::float_add(B::float_mul(inputs.a.clone(), row(&inputs.gain)), row(&inputs.shift));
    match &inputs.b {
        Some(b) => B::float_add(scaled, B::float_mul_scalar(b.clone(), rule.residual_gain.into())),
        None => scaled,
    }
}

fn rounded<B: Backend>(value: FloatTensor<B>) -> FloatTensor<B> {
    B::float_floor(B::float_add_scalar(value, 0.5f32.into()))
}

/// Bits of a digit: three digits hold 32 bits, and a sum of six products of two digits fits 31.
const DIGIT: u32 = 14;
const MASK: i32 = (1 << DIGIT) - 1;
/// Beyond the 16 bits that a result can have, so that what is larger may be replaced by it.
const LARGE: i32 = 1 << 16;

/// `(a * m_c + b * m + r_c) >> shift`, saturated outside 16 bits.
fn exact<B: Backend>(inputs: &Inputs<B>, integers: &Integers) -> IntTensor<B> {
    let device = inputs.a.device();
    let mut columns = constants::<B, 5>(&integers.offsets, &device);
    let multipliers = constants::<B, 3>(&integers.multipliers, &device);
    add_product::<B>(&mut columns, &inputs.a, &multipliers);
    if let Some(b) = &inputs.b {
        add_product::<B>(&mut columns, b, &constants::<B, 3>(&[integers.residual], &device));
    }
    // Carries, from the lowest digit up; the highest keeps the sign.
    for k in 0..4 {
        let carry = B::bitwise_right_shift_scalar(columns[k].clone(), DIGIT.into());
        columns[k] = B::bitwise_and_scalar(columns[k].clone(), MASK.into());
        columns[k + 1] = B::int_add(columns[k + 1].clone(), carry);
    }
    let (low, bits) = ((integers.shift / DIGIT) as usize, integers.shift % DIGIT);
    let saturated = |high: IntTensor<B>| B::int_clamp(high, (-LARGE).into(), LARGE.into());
    let [.., mut high] = columns.clone();
    if low == 4 {
        return B::bitwise_right_shift_scalar(high, bits.into());
    }
    for k in (low + 1..4).rev() {
        high = B::int_mul_scalar(saturated(high), (1 << DIGIT).into());
        high = B::int_add(high, columns[k].clone());
    }
    let high = B::int_mul_scalar(saturated(high), (1 << (DIGIT - bits)).into());
    B::int_add(high, B::bitwise_right_shift_scalar(columns[low].clone(), bits.into()))
}

/// Digits of constants as rows that broadcast over `[n, h, w, c]`; the highest is signed.
fn constants<B: Backend, const N: usize>(values: &[i64], device: &Device<B>) -> [IntTensor<B>; N] {
    std::array::from_fn(|k| {
        let above = |value: i64| value >> (DIGIT as usize * k);
        let digit = |value: i64| {
            let digit = if k + 1 == N { above(value) } else { above(value) & i64::from(MASK) };
            digit as i32
        };
        let digits: Vec<i32> = values.iter().map(|&value| digit(value)).collect();
        B::int_from_data(TensorData::new(digits, [1, 1, 1, values.len()]), device)
    })
}

fn add_product<B: Backend>(columns: &mut [IntTensor<B>; 5], x: &FloatTensor<B>, m: &[IntTensor<B>; 3]) {
    let x = B::float_into_int(x.clone(), IntDType::I32);
    let above = |k: u32| B::bitwise_right_shift_scalar(x.clone(), (DIGIT * k).into());
    let masked = |x: IntTensor<B>| B::bitwise_and_scalar(x, MASK.into());
    let digits = [masked(x.clone()), masked(above(1)), above(2)];
    for (i, digit) in digits.iter().enumerate() {
        for (j, m) in m.iter().enumerate() {
            let product = B::int_mul(digit.clone(), m.clone());
            columns[i + j] = B::int_add(product, columns[i + j].clone());
        }
    }
}

pub(super) fn gradients<B: Backend>(
    gradient: FloatTensor<B>,
    inputs: &Inputs<B>,
    rule: &Rule,
    wants_gain: bool,
) -> Gradients<B> {
    let (lo, hi, zero) = (rule.clamp.0 as f32, rule.clamp.1 as f32, rule.zero as f32);
    let value = value::<B>(inputs, rule);
    let outside = |from: f32, to: f32| -> BoolTensor<B> {
        let below = B::float_lower_elem(value.clone(), from.into(), BoolDType::Native);
        B::bool_or(below, B::float_greater_elem(value.clone(), to.into(), BoolDType::Native))
    };
    let passed = B::float_mask_fill(gradient.clone(), outside(rule.pass.0, rule.pass.1), 0f32.into());
    let quantized = B::float_clamp(rounded::<B>(value.clone()), lo.into(), hi.into());
    let inside = B::bool_not(outside(lo - 0.5, hi + 0.5));
    let zeros = B::float_mul_scalar(value.clone(), 0f32.into());
    let reference = B::float_mask_where(B::float_add_scalar(zeros, zero.into()), inside, value.clone());
    let error = B::float_mul(gradient, B::float_sub(quantized, reference));
    let scale = B::float_reshape(B::float_sum(error), Shape::from([1]));
    let scale = B::float_div(B::float_mul_scalar(scale, rule.scale_factor.into()), inputs.scale.clone());
    let length = inputs.gain.shape().num_elements();
    let row = B::float_reshape(inputs.gain.clone(), Shape::from([1, 1, 1, length]));
    let entries = |tensor: FloatTensor<B>, like: &FloatTensor<B>| sum_to::<B>(tensor, like);
    Gradients {
        a: B::float_mul(passed.clone(), row),
        b: inputs.b.as_ref().map(|_| B::float_mul_scalar(passed.clone(), rule.residual_gain.into())),
        gain: wants_gain.then(|| entries(B::float_mul(passed.clone(), inputs.a.clone()), &inputs.gain)),
        shift: entries(passed, &inputs.shift),
        scale,
    }
}

/// Sums `[n, h, w, c]` to the `[c]` or `[1]` of an operand.
fn sum_to<B: Backend>(tensor: FloatTensor<B>, like: &FloatTensor<B>) -> FloatTensor<B> {
    let length = like.shape().num_elements();
    let sums = B::float_sum_dims(tensor, &[0, 1, 2]);
    let sums = if length == 1 { B::float_sum_dim(sums, 3) } else { sums };
    B::float_reshape(sums, Shape::from([length]))
}
