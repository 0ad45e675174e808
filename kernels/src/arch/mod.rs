//! The tiers for particular cores, and the choice between them and [`generic`]: the layout of a step's weights
//! names the tier that the file was made for, the core decides where a step has no weights.

pub mod armv7em;
mod cores;
pub mod mve;
pub mod words;

use core::cell::Cell;

pub use cores::Core;

use crate::linked;
use crate::op::{Add, AveragePool, Conv2d, Dense, Depthwise, MaxPool, Rescale};
use crate::{KernelError, Layout, Tensor, generic};

impl Core {
    /// The one that this build is for.
    pub const THIS: Self = if cfg!(mve) {
        Self::Helium
    } else if cfg!(dsp) {
        Self::Dsp
    } else if cfg!(armv7m) {
        Self::Armv7m
    } else if cfg!(armv6m) {
        Self::Armv6m
    } else if cfg!(rv32im) {
        Self::Rv32im
    } else {
        Self::Other
    };

    /// Whether it has the DSP extension, which steps without weights run on.
    pub const fn dsp(self) -> bool {
        matches!(self, Self::Dsp | Self::Helium)
    }

    /// Whether firmware for it has kernels for weights of a layout, portable ones included.
    pub const fn supports(self, layout: Layout) -> bool {
        match layout {
            Layout::Rows | Layout::Words => true,
            Layout::Dsp => matches!(self, Self::Dsp),
            Layout::Mve => matches!(self, Self::Helium),
        }
    }
}

/// Whether this build has kernels for weights of a layout: a host has all of them, and rows run
/// wherever portable kernels are linked.
pub const fn supports(layout: Layout) -> bool {
    match layout {
        Layout::Rows | Layout::Words => linked::PORTABLE,
        Layout::Dsp | Layout::Mve => Core::THIS.supports(layout) || !cfg!(target_os = "none"),
    }
}

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
    match op.accumulate.layout.linked() {
        _ if linked::PORTABLE && !op.in_blocks() => generic::conv2d(x, residual, op, scratch, y),
        Layout::Dsp if supports(Layout::Dsp) => armv7em::conv2d(x, residual, op, scratch, y),
        Layout::Mve if supports(Layout::Mve) => mve::conv2d(x, residual, op, scratch, y),
        Layout::Words if linked::WORDS => words::conv2d(x, residual, op, scratch, y),
        Layout::Words if linked::PORTABLE => {
            generic::conv2d(x, residual, &Conv2d { accumulate: op.accumulate.rows(), ..*op }, scratch, y)
        }
        _ => Err(KernelError::UnsupportedLayout),
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
    match op.accumulate.layout.linked() {
        Layout::Dsp if supports(Layout::Dsp) => armv7em::depthwise(x, residual, op, scratch, y),
        Layout::Mve if supports(Layout::Mve) => mve::depthwise(x, residual, op, scratch, y),
        Layout::Words if linked::WORDS => words::depthwise(x, residual, op, scratch, y),
        Layout::Words if linked::PORTABLE => {
            op.fits(&x.spec(), residual.map(|r| r.spec()).as_ref(), &y.spec())?;
            generic::depthwise(x, residual, op, op.ring(x, y, scratch)?, y)
        }
        _ if linked::PORTABLE => generic::depthwise(x, residual, op, scratch, y),
        _ => Err(KernelError::UnsupportedByBuild),
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
    match op.accumulate.layout.linked() {
        Layout::Rows if linked::PORTABLE => generic::dense(x, residual, op, scratch, y),
        Layout::Dsp if supports(Layout::Dsp) => armv7em::dense(x, residual, op, scratch, y),
        Layout::Mve if supports(Layout::Mve) => mve::dense(x, residual, op, scratch, y),
        Layout::Words if linked::WORDS => words::dense(x, residual, op, scratch, y),
        Layout::Words if linked::PORTABLE => {
            generic::dense(x, residual, &Dense { accumulate: op.accumulate.rows() }, scratch, y)
        }
        _ => Err(KernelError::UnsupportedLayout),
    }
}

/// Residual addition: the kernel for this core.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn add(a: &Tensor, b: &Tensor, op: &Add, y: &Tensor) -> Result<(), KernelError> {
    if Core::THIS.dsp() { armv7em::add(a, b, op, y) } else { generic::add(a, b, op, y) }
}

/// Average pooling: the kernel for this core.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn average_pool(x: &Tensor, op: &AveragePool, y: &Tensor) -> Result<(), KernelError> {
    if Core::THIS.dsp() { armv7em::average_pool(x, op, y) } else { generic::average_pool(x, op, y) }
}

/// Maximum pooling: the kernel for this core.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn max_pool(x: &Tensor, op: &MaxPool, y: &Tensor) -> Result<(), KernelError> {
    if Core::THIS.dsp() { armv7em::max_pool(x, op, y) } else { generic::max_pool(x, op, y) }
}

/// Change of scale: the kernel for this core.
///
/// # Errors
/// Those of the kernel.
#[inline(always)]
pub fn rescale(x: &Tensor, op: &Rescale, y: &Tensor) -> Result<(), KernelError> {
    if Core::THIS.dsp() { armv7em::rescale(x, op, y) } else { generic::rescale(x, op, y) }
}
