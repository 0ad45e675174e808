//! Strided crop with padding: offsets on both sides of every edge, far ones too.

use super::shape::{DTYPES, channels, spec};
use crate::conformance::arena::Arena;
use crate::conformance::rng::Rng;
use crate::conformance::{Fault, Tier, reference};
use crate::op::Window;
use crate::{Dims, Dtype, KernelError, TensorSpec};

pub(super) fn run(tier: &Tier, rng: &mut Rng, arena: &mut Arena) -> Result<(), Fault> {
    let (dtype, inputs, outputs) = (rng.pick(&DTYPES), channels(rng), channels(rng));
    let (x, y) = (spec(rng, dtype, inputs), spec(rng, dtype, outputs));
    let mut offset = || {
        let near = rng.between(-5, 5) as i16;
        let far = rng.pick(&[i16::MIN, -100, 100, i16::MAX]);
        if rng.one_in(16) { far } else { near }
    };
    let offset = [offset(), offset(), offset()];
    let stride = [rng.size(1, 3) as u8, rng.pick(&[1, 2, 3, 255])];
    let (lo, hi) = dtype.range();
    let any = rng.between(lo, hi);
    let op = Window { offset, stride, fill: rng.pick(&[lo, hi, any]) as i16 };

    let (x, y) = (arena.operand(rng, x), arena.place(rng, y));
    let other = if dtype == Dtype::I8 { Dtype::U4 } else { Dtype::I8 };
    let retyped = TensorSpec { dims: Dims { h: 1, w: 1, c: 1 }, dtype: other, zero: 0 };
    let retyped = arena.place(rng, retyped);
    arena.freeze();

    let (x_tensor, y_tensor) = (arena.tensor(&x), arena.tensor(&y));
    let (mut wrong, mut wrong_x) = (op, x_tensor);
    let error = match (rng.below(3), dtype) {
        (0, _) => {
            wrong.stride[rng.below(2) as usize] = 0;
            KernelError::InvalidGeometry
        }
        (1, Dtype::U4 | Dtype::I8) => {
            wrong.fill = rng.pick(&[lo - 1, hi + 1]) as i16;
            KernelError::InvalidClamp
        }
        _ => {
            wrong_x = arena.tensor(&retyped);
            KernelError::UnsupportedType
        }
    };
    arena.refused((tier.window)(&wrong_x, &wrong, &y_tensor), error)?;

    let got = (tier.window)(&x_tensor, &op, &y_tensor);
    let x = arena.original(&x);
    arena.equals(got, &y, 0..0, |at| reference::window(&x, &op, at))
}
