//! Depthwise convolutions on the kernels for Helium: which widths they take, and that long rows, which are made in pieces,
//! equal the portable kernel.

use core::cell::Cell;

use kernels::arch::mve::{depthwise, takes_depthwise};
use kernels::generic;
use kernels::numerics::Clamp;
use kernels::op::{Accumulate, Depthwise, Geometry};
use kernels::{Dims, Dtype, Layout, Tensor, TensorSpec, WeightBits};

const CHANNELS: u16 = 19;

fn operator(stride: u8, weights: &[u8]) -> Depthwise<'_> {
    const BIAS: [i32; CHANNELS as usize] = [700; CHANNELS as usize];
    const MULTIPLIERS: [i32; CHANNELS as usize] = [1 << 25; CHANNELS as usize];
    let geometry = Geometry { kernel: [3; 2], stride: [stride; 2], dilation: [1, 1], pad: [1, 1] };
    let accumulate = Accumulate {
        weights,
        layout: Layout::Mve,
        weight_bits: WeightBits::W8,
        bias: &BIAS,
        multipliers: &MULTIPLIERS,
        shift: 32,
        clamp: Clamp { lo: -128, hi: 127 },
        residual_multiplier: 0,
    };
    Depthwise { geometry, accumulate }
}

/// Input and result of so many columns of results.
fn specs(stride: u8, columns: u16) -> [TensorSpec; 2] {
    let spec = |h, w| TensorSpec { dims: Dims { h, w, c: CHANNELS }, dtype: Dtype::I8, zero: -3 };
    [
        spec(5, columns * u16::from(stride) - u16::from(stride > 1)),
        spec(5u16.div_ceil(stride.into()), columns),
    ]
}

#[test]
fn strides_limit_rows() {
    for (stride, columns, takes) in [
        (1, 60, true),
        (1, 61, false),
        (2, 1, true),
        (2, 28, true),
        (2, 29, true),
        (2, 1000, true),
        (3, 8, false),
    ] {
        let [x, y] = specs(stride, columns);
        let op = operator(stride, &[]);
        assert_eq!(takes_depthwise(&op, false, &x, &y), takes, "stride {stride}, {columns} columns");
    }
}

#[test]
fn long_rows_equal_the_portable_kernel_over_their_input_too() {
    let bytes = |count: usize| (0..count).map(|i| ((i * i * 37 + i * 101) >> 3) as u8).collect::<Vec<u8>>();
    let weights = bytes(9 * usize::from(CHANNELS));
    for columns in [29, 32, 33, 100] {
        let op = operator(2, &weights);
        let [x, y] = specs(2, columns);
        let mut input = bytes(x.bytes().expect("a small shape") as usize);
        let mut expected = vec![0; y.bytes().expect("a small shape") as usize];
        let rows = Depthwise { accumulate: Accumulate { layout: Layout::Rows, ..op.accumulate }, ..op };
        let run = |kernel: Kernel, op: &Depthwise, scratch: &mut [u8], x: &Tensor, out: &[Cell<u8>]| {
            let y = Tensor::new(y, out).expect("its bytes");
            let scratch = Cell::from_mut(scratch).as_slice_of_cells();
            kernel(x, None, op, scratch, &y).expect("is a valid step");
        };
        let input = Cell::from_mut(&mut input[..]).as_slice_of_cells();
        let source = Tensor::new(x, input).expect("its bytes");
        let out = Cell::from_mut(&mut expected[..]).as_slice_of_cells();
        run(generic::depthwise, &rows, &mut [], &source, out);
        let mut scratch = vec![0x55; op.scratch_bytes(&x, &y, Some(0))];
        let over = &input[..out.len()];
        run(depthwise, &op, &mut scratch, &source, over);
        assert!(out.iter().map(Cell::get).any(|byte| byte != out[0].get()), "the case proves nothing");
        assert!(over == out, "{columns} columns");
    }
}

type Kernel =
    fn(&Tensor, Option<&Tensor>, &Depthwise, &[Cell<u8>], &Tensor) -> Result<(), kernels::KernelError>;
