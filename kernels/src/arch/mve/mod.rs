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

use crate::Dtype;
use crate::op::Accumulate;

pub use conv2d::conv2d;
pub use dense::dense;
pub use depthwise::{depthwise, takes as takes_depthwise};

/// Smallest shift of results that vectors make of two words.
///
/// A result is `clamp((hi * 2^32 + lo) >> s)`. With `t = 32 - s` that is `hi * 2^t + (lo >> s)`. The second term has no
/// sign and, where t is positive, no bit in common with the first, so a bitwise OR adds them; where t is not, it is 0. The
/// shift of `hi` saturates; for `s >= 2` the second term is below 2^30, so that a `hi` that does not fit stays outside
/// every clamp with it.
const MIN_SHIFT: u8 = 2;

/// Whether products of a convolution or a dense layer store results of this type themselves, with a residual operand of
/// that. Others go through accumulators in memory.
pub fn stores(accumulate: &Accumulate, residual: Option<Dtype>, y: Dtype) -> bool {
    y.is_bytes() && residual.is_none_or(Dtype::is_bytes) && accumulate.shift >= MIN_SHIFT
}
