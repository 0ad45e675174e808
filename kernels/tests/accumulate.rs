//! Dot products and convolutions of arbitrary data against nested loops.

use core::cell::Cell;

use kernels::layout::pack;
use kernels::numerics::Clamp;
use kernels::op::{Accumulate, Conv2d, Dense, Geometry};
use kernels::{Dims, Dtype, Layout, Tensor, TensorSpec, WeightBits, generic};
use proptest::prelude::*;

const SHIFT: u8 = 38;

fn any_bits() -> impl Strategy<Value = WeightBits> {
    prop_oneof![Just(WeightBits::W2), Just(WeightBits::W4), Just(WeightBits::W8)]
}

fn bytes(count: core::ops::Range<usize>) -> impl Strategy<Value = Vec<i8>> {
    prop::collection::vec(any::<i8>(), count)
}

/// Rows of weights, moved into range and packed.
fn packed(values: &mut [i8], bits: WeightBits, row_len: usize) -> Vec<u8> {
    let unused = 8 - bits.bits();
    let mut data = vec![0; bits.row_bytes(row_len) * (values.len() / row_len)];
    for (row, values) in data.chunks_exact_mut(bits.row_bytes(row_len)).zip(values.chunks_exact_mut(row_len))
    {
        for (i, value) in values.iter_mut().enumerate() {
            *value >>= unused;
            pack(row, bits, i, *value);
        }
    }
    data
}

fn model(acc: i64, multiplier: i32) -> i32 {
    let scaled = i128::from(acc as i32) * i128::from(multiplier);
    scaled.div_euclid(1 << SHIFT).clamp(-32_768, 32_767) as i32
}

fn spec(h: usize, w: usize, c: usize, dtype: Dtype, zero: i16) -> TensorSpec {
    TensorSpec { dims: Dims { h: h as u16, w: w as u16, c: c as u16 }, dtype, zero }
}

fn cells(bytes: &mut [u8]) -> &[Cell<u8>] {
    Cell::from_mut(bytes).as_slice_of_cells()
}

fn accumulate<'a>(
    weights: &'a [u8],
    weight_bits: WeightBits,
    constants: &'a [Vec<i32>; 2],
) -> Accumulate<'a> {
    let [bias, multipliers] = constants;
    let clamp = Clamp { lo: i16::MIN, hi: i16::MAX };
    Accumulate {
        weights,
        layout: Layout::Rows,
        weight_bits,
        bias,
        multipliers,
        shift: SHIFT,
        clamp,
        residual_multiplier: 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_dense_layer_is_its_dot_products(
        bits in any_bits(), x in bytes(1..70), raw in bytes(210..211),
        bias in prop::collection::vec(any::<i32>(), 3), m in prop::collection::vec(1..i32::MAX, 3),
    ) {
        let count = x.len();
        let mut weights = raw[..3 * count].to_vec();
        let data = packed(&mut weights, bits, count);
        let mut input: Vec<u8> = x.iter().map(|&v| v as u8).collect();
        let mut output = [0; 6];
        let x_view = Tensor::new(spec(1, 1, count, Dtype::I8, 0), cells(&mut input)).unwrap();
        let y_view = Tensor::new(spec(1, 1, 3, Dtype::I16, 0), cells(&mut output)).unwrap();
        let constants = [bias, m];
        let op = Dense { accumulate: accumulate(&data, bits, &constants) };
        generic::dense(&x_view, None, &op, &[], &y_view).unwrap();
        for (c, row) in weights.chunks_exact(count).enumerate() {
            let dot: i64 = x.iter().zip(row).map(|(&x, &w)| i64::from(x) * i64::from(w)).sum();
            let expected = model(i64::from(constants[0][c]) + dot, constants[1][c]);
            prop_assert_eq!(y_view.get(0, 0, c), expected);
        }
    }

    #[test]
    fn a_convolution_is_its_nested_loops(
        bits in any_bits(), zero: i8, (h, w, cin, cout) in (1usize..6, 1usize..6, 1usize..4, 1usize..4),
        (oh, ow) in (1usize..6, 1usize..6),
        kernel in [1u8..4, 1u8..4], stride in [1u8..3, 1u8..3], dilation in [1u8..3, 1u8..3], pad in [0u8..5, 0u8..5],
        x in bytes(75..76), raw in bytes(81..82),
        bias in prop::collection::vec(any::<i32>(), 3), m in prop::collection::vec(1..i32::MAX, 3),
    ) {
        let row_len = usize::from(kernel[0]) * usize::from(kernel[1]) * cin;
        let mut weights = raw[..row_len * cout].to_vec();
        let data = packed(&mut weights, bits, row_len);
        let mut input: Vec<u8> = x[..h * w * cin].iter().map(|&v| v as u8).collect();
        let (mut output, mut scratch) = (vec![0; oh * ow * cout * 2], vec![0; row_len]);
        let x_view = Tensor::new(spec(h, w, cin, Dtype::I8, i16::from(zero)), cells(&mut input)).unwrap();
        let y_view = Tensor::new(spec(oh, ow, cout, Dtype::I16, 0), cells(&mut output)).unwrap();
        let constants = [bias[..cout].to_vec(), m[..cout].to_vec()];
        let op = Conv2d {
            geometry: Geometry { kernel, stride, dilation, pad },
            groups: 1,
            group_inputs: cin as u16,
            group_outputs: cout as u16,
            accumulate: accumulate(&data, bits, &constants),
        };
        generic::conv2d(&x_view, None, &op, cells(&mut scratch), &y_view).unwrap();
        for (i, got) in (0..oh * ow * cout).map(|i| (i, y_view.get(i / cout / ow, i / cout % ow, i % cout))) {
            let (oy, ox, c) = (i / cout / ow, i / cout % ow, i % cout);
            let mut acc = i64::from(constants[0][c]);
            for (k, &weight) in weights[c * row_len..][..row_len].iter().enumerate() {
                let (ky, kx, ci) = (k / cin / usize::from(kernel[1]), k / cin % usize::from(kernel[1]), k % cin);
                let place = |o: usize, k: usize, axis: usize| {
                    (o * usize::from(stride[axis]) + k * usize::from(dilation[axis]))
                        .checked_sub(usize::from(pad[axis]))
                };
                let q = match (place(oy, ky, 0), place(ox, kx, 1)) {
                    (Some(iy), Some(ix)) if iy < h && ix < w => x[(iy * w + ix) * cin + ci],
                    _ => zero,
                };
                acc += i64::from(q) * i64::from(weight);
            }
            prop_assert_eq!(got, model(acc, constants[1][c]));
        }
    }
}
