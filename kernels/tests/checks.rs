//! Checks answer for any shape, and name what is wrong with a tensor itself.

use core::cell::Cell;

use kernels::numerics::Clamp;
use kernels::op::{Accumulate, Add, Conv2d, Dense, Depthwise, Geometry, MaxPool, PoolGeometry, Rescale};
use kernels::{Dims, Dtype, KernelError, Layout, Tensor, TensorSpec, WeightBits};

const SIZES: [u16; 8] = [0, 1, 255, 256, 32_767, 32_768, 65_534, 65_535];
const CLAMP: Clamp = Clamp { lo: 0, hi: 1 };
const FAR: Geometry = Geometry { kernel: [255; 2], stride: [255; 2], dilation: [255; 2], pad: [255; 2] };
const EMPTY: Accumulate = Accumulate {
    weights: &[],
    layout: Layout::Rows,
    weight_bits: WeightBits::W8,
    bias: &[],
    multipliers: &[],
    shift: 0,
    clamp: CLAMP,
    residual_multiplier: 0,
};

fn spec(h: u16, w: u16, c: u16, dtype: Dtype, zero: i16) -> TensorSpec {
    TensorSpec { dims: Dims { h, w, c }, dtype, zero }
}

#[test]
fn no_shape_stops_a_check() {
    for h in SIZES {
        for w in SIZES {
            for c in SIZES {
                for dtype in [Dtype::U4, Dtype::I8, Dtype::I16] {
                    let x = spec(h, w, c, dtype, 0);
                    let y = spec(1, 1, c, dtype, 0);
                    let conv = Conv2d {
                        geometry: FAR,
                        groups: 1,
                        group_inputs: c,
                        group_outputs: c,
                        accumulate: EMPTY,
                    };
                    let depthwise = Depthwise { geometry: FAR, accumulate: EMPTY };
                    let dense = Dense { accumulate: EMPTY };
                    assert!(conv.check(&x, None, &y).is_err());
                    assert!(depthwise.check(&x, None, &x).is_err());
                    assert!(dense.check(&x, None, &y).is_err());
                    assert!(conv.scratch_bytes() >= usize::from(c));
                    let close = Some(i32::MAX);
                    assert!(
                        depthwise.scratch_bytes(&x, &x, close) >= x.pixel_bytes() * usize::from(w.min(1))
                    );
                    for distance in [0, i32::MIN, i32::MAX] {
                        conv.over_input(&x, &y).allows(distance);
                        depthwise.over_input(&x, &y).allows(distance);
                    }
                    let elements = usize::from(h) * usize::from(w) * usize::from(c);
                    if (1..1 << 30).contains(&elements) {
                        let scratch = if dtype == Dtype::I8 { 0 } else { elements };
                        assert_eq!(dense.scratch_bytes(&x), scratch);
                    }
                }
            }
        }
    }
}

#[test]
fn a_tensor_that_is_wrong_in_itself_is_refused_everywhere() {
    let good = spec(2, 2, 2, Dtype::I8, 0);
    let wrong = [
        (spec(2, 2, 2, Dtype::I8, 128), KernelError::InvalidZeroPoint),
        (spec(2, 2, 2, Dtype::U4, -1), KernelError::InvalidZeroPoint),
        (spec(2, 2, 2, Dtype::I16, 1), KernelError::InvalidZeroPoint),
        (spec(0, 2, 2, Dtype::I8, 0), KernelError::InvalidShape),
        (spec(65_535, 65_535, 2, Dtype::I8, 0), KernelError::InvalidShape),
    ];
    let add = Add { a_multiplier: 1, b_multiplier: 1, offset: 0, shift: 0, clamp: CLAMP };
    let rescale = Rescale { multipliers: &[1], offsets: &[0], shift: 0, clamp: CLAMP };
    let geometry = PoolGeometry { kernel: [1, 1], stride: [1, 1], pad: [0, 0] };
    let pool = MaxPool { geometry, clamp: CLAMP };
    let depthwise = Depthwise { geometry: geometry.taps(), accumulate: EMPTY };
    for (wrong, error) in wrong {
        assert_eq!(add.check(&wrong, &good, &good), Err(error));
        assert_eq!(add.check(&good, &wrong, &good), Err(error));
        assert_eq!(add.check(&good, &good, &wrong), Err(error));
        assert_eq!(rescale.check(&wrong, &good), Err(error));
        assert_eq!(rescale.check(&good, &wrong), Err(error));
        assert_eq!(pool.check(&wrong, &good), Err(error));
        assert_eq!(depthwise.check(&wrong, None, &good), Err(error));
        assert_eq!(depthwise.check(&good, Some(&wrong), &good), Err(error));
        assert_eq!(depthwise.check(&good, None, &wrong), Err(error));
    }
}

#[test]
fn a_view_has_exactly_the_bytes_of_its_shape() {
    let mut bytes = [0; 13];
    let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
    for (dtype, need) in [(Dtype::U4, 8), (Dtype::I8, 12)] {
        let error = KernelError::InvalidLength { need, have: 13 };
        assert_eq!(Tensor::new(spec(2, 2, 3, dtype, 0), cells).err(), Some(error));
        assert!(Tensor::new(spec(2, 2, 3, dtype, 0), &cells[..need as usize]).is_ok());
    }
}
