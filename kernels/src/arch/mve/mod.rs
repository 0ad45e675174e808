//! Kernels for cores with Helium (Cortex-M55, M85): vectors of sixteen bytes, weights in
//! [`layout::mve`](crate::layout::mve).
//!
//! The loops that matter are instructions on such a core and portable arithmetic everywhere else, so a host
//! runs the same files with the same result. Everything around them is one source.
#![allow(clippy::indexing_slicing, reason = "constant indices of arrays; slices go through `get`")]

/// Naked functions are assembled for the bare architecture, which has no vectors.
#[cfg(mve)]
macro_rules! core_with_mve {
    () => {
        ".cpu cortex-m55"
    };
}

mod bytes;
#[cfg(mve)]
mod bytes_asm;
mod column;
pub(crate) mod conv2d;
pub(crate) mod dense;
pub(crate) mod depthwise;
mod planes;
#[cfg(mve)]
mod planes_asm;
mod product;
#[cfg(mve)]
mod product_asm;
mod requantize;
#[cfg(mve)]
mod requantize_asm;

use crate::Dtype;
use crate::op::Accumulate;

pub use conv2d::conv2d;
pub use dense::dense;
pub use depthwise::{depthwise, takes as takes_depthwise};

/// Whether products of a convolution or a dense layer store results of this type themselves. Others go through
/// accumulators in memory.
pub fn stores(accumulate: &Accumulate, residual: bool, y: Dtype) -> bool {
    !residual && y == Dtype::I8 && accumulate.shift == 32
}
