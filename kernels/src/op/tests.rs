//! Builds without portable kernels say what is wrong with a step before they say what they lack.

use super::{Add, AveragePool, MaxPool, PoolGeometry, Rescale};
use crate::numerics::Clamp;
use crate::{Dims, Dtype, KernelError, TensorSpec};

const EMPTY: Clamp = Clamp { lo: 1, hi: 0 };
const CLAMP: Clamp = Clamp { lo: 0, hi: 1 };
const LACKING: Result<(), KernelError> = Err(KernelError::UnsupportedByBuild);
const BAD_CLAMP: Result<(), KernelError> = Err(KernelError::InvalidClamp);
const BAD_SHIFT: Result<(), KernelError> = Err(KernelError::InvalidShift { shift: 99 });

/// Activations that the kernels of the DSP extension do not take.
fn wide() -> TensorSpec {
    TensorSpec { dims: Dims { h: 2, w: 2, c: 3 }, dtype: Dtype::I16, zero: 0 }
}

#[test]
fn additions() {
    let x = wide();
    let op = Add { a_multiplier: 1, b_multiplier: 1, offset: 0, shift: 0, clamp: CLAMP };
    let check = |op: Add| op.check_with(false, &x, &x, &x);
    assert_eq!(check(op), LACKING);
    assert_eq!(op.check(&x, &x, &x), Ok(()));
    assert_eq!(check(Add { shift: 99, ..op }), BAD_SHIFT);
    assert_eq!(check(Add { clamp: EMPTY, ..op }), BAD_CLAMP);
}

#[test]
fn changes_of_scale() {
    let x = wide();
    let op = Rescale { multipliers: &[1], offsets: &[0], shift: 0, clamp: CLAMP };
    let check = |op: Rescale| op.check_with(false, &x, &x);
    assert_eq!(check(op), LACKING);
    assert_eq!(op.check(&x, &x), Ok(()));
    let short = KernelError::InvalidConstants { need: 3, have: 2 };
    assert_eq!(check(Rescale { multipliers: &[1; 2], ..op }), Err(short));
    assert_eq!(check(Rescale { shift: 99, ..op }), BAD_SHIFT);
    assert_eq!(check(Rescale { clamp: EMPTY, ..op }), BAD_CLAMP);
}

#[test]
fn pooling() {
    let x = wide();
    let geometry = PoolGeometry { kernel: [2, 2], stride: [1, 1], pad: [0, 0] };
    let op = MaxPool { geometry, clamp: CLAMP };
    assert_eq!(op.check_with(false, &x, &x), LACKING);
    assert_eq!(op.check(&x, &x), Ok(()));
    assert_eq!(MaxPool { clamp: EMPTY, ..op }.check_with(false, &x, &x), BAD_CLAMP);

    let op = AveragePool { geometry, multipliers: &[1], offsets: &[0], shift: 0, clamp: CLAMP };
    let check = |op: AveragePool| op.check_with(false, &x, &x);
    assert_eq!(check(op), LACKING);
    assert_eq!(op.check(&x, &x), Ok(()));
    let short = KernelError::InvalidConstants { need: 1, have: 0 };
    assert_eq!(check(AveragePool { offsets: &[], ..op }), Err(short));
    assert_eq!(check(AveragePool { shift: 99, ..op }), BAD_SHIFT);
    assert_eq!(check(AveragePool { clamp: EMPTY, ..op }), BAD_CLAMP);
}
