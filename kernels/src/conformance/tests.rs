//! The generic tier equals the reference, and wrong tiers do not.

use core::cell::Cell;

use super::*;
use crate::op::{Add, Concat, Conv2d, Depthwise};
use crate::{KernelError, Tensor, TensorSpec, generic};

#[test]
fn generic_equals_the_reference() {
    assert_eq!(run(&GENERIC, 0x5eed, 3000), Ok(33_000));
}

#[test]
fn armv7em_equals_the_reference() {
    assert_eq!(run(&ARMV7EM, 0x5eed, 6000), Ok(66_000));
}

#[test]
fn mve_equals_the_reference() {
    assert_eq!(run(&MVE, 0x5eed, 6000), Ok(66_000));
}

#[test]
fn words_equal_the_reference() {
    assert_eq!(run(&WORDS, 0x5eed, 6000), Ok(66_000));
}

/// The operator in which `tier` is found to be wrong.
fn caught(tier: &Tier) -> (Op, Fault) {
    match run(tier, 1, 400) {
        Ok(_) => panic!("{} passed", tier.name),
        Err(mismatch) => (mismatch.op, mismatch.fault),
    }
}

#[test]
fn another_rounding_is_caught() {
    fn add(a: &Tensor, b: &Tensor, op: &Add, y: &Tensor) -> Result<(), KernelError> {
        let offset = op.offset.wrapping_add(1);
        generic::add(a, b, &Add { offset, ..*op }, y)
    }
    let (op, fault) = caught(&Tier { name: "rounds up", add, ..GENERIC });
    assert_eq!(op, Op::Add);
    assert!(matches!(fault, Fault::Element { .. }));
}

#[test]
fn padding_with_zero_is_caught() {
    fn conv2d(
        x: &Tensor,
        residual: Option<&Tensor>,
        op: &Conv2d,
        scratch: &[Cell<u8>],
        y: &Tensor,
    ) -> Result<(), KernelError> {
        let x = Tensor::new(TensorSpec { zero: 0, ..x.spec() }, x.cells())?;
        generic::conv2d(&x, residual, op, scratch, y)
    }
    let (op, fault) = caught(&Tier { name: "pads with 0", conv2d, ..GENERIC });
    assert_eq!(op, Op::Conv2d);
    assert!(matches!(fault, Fault::Element { .. }));
}

#[test]
fn reading_overwritten_rows_is_caught() {
    fn depthwise(
        x: &Tensor,
        residual: Option<&Tensor>,
        op: &Depthwise,
        _: &[Cell<u8>],
        y: &Tensor,
    ) -> Result<(), KernelError> {
        generic::depthwise(x, residual, op, &[], y)
    }
    let (op, _) = caught(&Tier { name: "no ring", depthwise, ..GENERIC });
    assert_eq!(op, Op::Depthwise);
}

#[test]
fn writing_next_to_the_result_is_caught() {
    fn concat(x: &Tensor, op: &Concat, y: &Tensor) -> Result<(), KernelError> {
        generic::concat(x, op, y)?;
        x.cells()[0].set(!x.cells()[0].get());
        Ok(())
    }
    let (op, fault) = caught(&Tier { name: "spoils its input", concat, ..GENERIC });
    assert_eq!(op, Op::Concat);
    assert!(matches!(fault, Fault::Byte { .. }));
}

#[test]
fn writing_before_checking_is_caught() {
    fn add(a: &Tensor, b: &Tensor, op: &Add, y: &Tensor) -> Result<(), KernelError> {
        y.cells().iter().for_each(|cell| cell.set(!cell.get()));
        generic::add(a, b, op, y)
    }
    let (op, fault) = caught(&Tier { name: "writes first", add, ..GENERIC });
    assert_eq!(op, Op::Add);
    assert!(matches!(fault, Fault::Byte { .. }));
}

#[test]
fn another_argmax_is_caught() {
    fn mirrored(x: &Tensor) -> usize {
        let (rows, columns, channels) = x.spec().dims.hwc();
        rows * columns * channels - 1 - generic::argmax(x)
    }
    let (op, _) = caught(&Tier { name: "mirrored", argmax: mirrored, ..GENERIC });
    assert_eq!(op, Op::Argmax);
}
