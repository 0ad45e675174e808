//! What a build needs for the kernels of the DSP extension to take a depthwise step.

use kernels::arch::armv7em::{Needs, depthwise_needs, fills_groups};
use kernels::op::{Accumulate, Depthwise, Geometry};
use kernels::{Dims, Dtype, Layout, TensorSpec};

const NOTHING: Needs = Needs { wide: false, stride2: false, five: false };

/// Of a result of so many columns and channels, by a square kernel.
fn needs(columns: u16, channels: u16, kernel: u8, stride: u8) -> Option<Needs> {
    let spec = |h, w| TensorSpec { dims: Dims { h, w, c: channels }, dtype: Dtype::I8, zero: 0 };
    let geometry = Geometry { kernel: [kernel; 2], stride: [stride; 2], dilation: [1, 1], pad: [1, 1] };
    let accumulate = Accumulate { layout: Layout::Dsp, shift: 32, ..Accumulate::NONE };
    let x = spec(3 * u16::from(stride), columns * u16::from(stride));
    depthwise_needs(&Depthwise { geometry, accumulate }, false, &x, &spec(3, columns))
}

#[test]
fn strides_choose_kernels() {
    for columns in [1, 14, 200] {
        assert_eq!(needs(columns, 8, 3, 1), Some(NOTHING));
        assert_eq!(needs(columns, 8, 3, 2), Some(Needs { stride2: true, ..NOTHING }));
        for stride in [1, 2] {
            assert_eq!(needs(columns, 8, 5, stride), Some(Needs { five: true, ..NOTHING }));
        }
    }
}

#[test]
fn channels_beside_groups_are_wide() {
    for (channels, wide) in [(4, false), (5, true), (7, true), (64, false), (66, true)] {
        assert_eq!(needs(5, channels, 3, 1), Some(Needs { wide, ..NOTHING }), "{channels}");
        let spec = TensorSpec { dims: Dims { h: 1, w: 1, c: channels }, dtype: Dtype::I8, zero: 0 };
        assert_eq!(fills_groups(&spec), !wide, "{channels}");
    }
}

#[test]
fn other_kernels_are_portable() {
    assert_eq!(needs(5, 8, 4, 1), None);
    assert_eq!(needs(5, 8, 3, 3), None);
}
