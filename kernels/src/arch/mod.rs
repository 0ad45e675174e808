//! The tiers for particular cores, and the choice between them and [`generic`]: the layout of a step's weights
//! names the tier that the file was made for, the core decides where a step has no weights.

pub mod armv7em;

use core::cell::Cell;

use crate::linked;
use crate::op::{Add, AveragePool, Conv2d, Dense, Depthwise};
use crate::{KernelError, Layout, Tensor, generic};

/// Whether this build has kernels for weights of a layout: a host has all of them.
pub const fn supports(layout: Layout) -> bool {
    match layout {
        Layout::Rows => linked::PORTABLE,
        Layout::Dsp => cfg!(dsp) || !cfg!(target_os = "none"),
    }
}

/// A core without the extension links none of its kernels: its loader refuses their layout, and so do the portable ones.
const DSP: bool = supports(Layout::Dsp);

/// Convolution: the kernel for the layout of its weights.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn conv2d(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Conv2d,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    let residual = residual.filter(|_| linked::RESIDUAL);
    if DSP && (op.in_blocks() || !linked::PORTABLE) {
        armv7em::conv2d(x, residual, op, scratch, y)
    } else {
        generic::conv2d(x, residual, op, scratch, y)
    }
}

/// Depthwise convolution: the kernel for the layout of its weights and its shape.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn depthwise(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Depthwise,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    let residual = residual.filter(|_| linked::RESIDUAL);
    if DSP && (op.accumulate.layout == Layout::Dsp || !linked::PORTABLE) {
        armv7em::depthwise(x, residual, op, scratch, y)
    } else {
        generic::depthwise(x, residual, op, scratch, y)
    }
}

/// Fully connected layer: the kernel for the layout of its weights.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn dense(
    x: &Tensor,
    residual: Option<&Tensor>,
    op: &Dense,
    scratch: &[Cell<u8>],
    y: &Tensor,
) -> Result<(), KernelError> {
    let residual = residual.filter(|_| linked::RESIDUAL);
    if DSP && (op.accumulate.layout == Layout::Dsp || !linked::PORTABLE) {
        armv7em::dense(x, residual, op, scratch, y)
    } else {
        generic::dense(x, residual, op, scratch, y)
    }
}

/// Residual addition: the kernel for this core.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn add(a: &Tensor, b: &Tensor, op: &Add, y: &Tensor) -> Result<(), KernelError> {
    if cfg!(dsp) { armv7em::add(a, b, op, y) } else { generic::add(a, b, op, y) }
}

/// Average pooling: the kernel for this core.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn average_pool(x: &Tensor, op: &AveragePool, y: &Tensor) -> Result<(), KernelError> {
    if cfg!(dsp) { armv7em::average_pool(x, op, y) } else { generic::average_pool(x, op, y) }
}
