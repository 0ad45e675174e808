//! Kernels for cores with the DSP extension (Cortex-M4, M7, M33): two 16-bit multiplications per
//! instruction, weights in [`layout::dsp`](crate::layout::dsp).
//!
//! The loops that matter are instructions on such a core and portable arithmetic everywhere else, so a host
//! runs the same files with the same result. Everything around them is one source.
#![allow(clippy::indexing_slicing, reason = "constant indices of arrays; slices go through `get`")]

/// Naked functions are assembled for the bare architecture; that of Armv8-M does not have the extension.
#[cfg(armv8m)]
macro_rules! core_with_dsp {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(all(dsp, not(armv8m)))]
macro_rules! core_with_dsp {
    () => {
        ""
    };
}

pub(crate) mod add;
pub(crate) mod bytes;
mod column;
pub(crate) mod conv2d;
pub(crate) mod dense;
#[cfg(dsp)]
mod dense_asm;
mod dense_product;
pub(crate) mod depthwise;
mod five;
mod four;
mod nibbles;
mod pairs;
#[cfg(dsp)]
mod pairs_asm;
mod pixels;
#[cfg(dsp)]
mod pixels_asm;
pub(crate) mod pool;
mod product;
pub(crate) mod rescale;
mod rows;
mod simd;
mod stream;
#[cfg(dsp)]
mod strip_asm;
mod taps;
mod vector;
#[cfg(dsp)]
mod vector_asm;
mod widen;
#[cfg(dsp)]
mod widen_asm;

use crate::TensorSpec;

pub use add::{add, takes as takes_add};
pub use conv2d::{conv2d, finishes as finishes_conv2d, stores as stores_conv2d};
pub use dense::{dense, finishes as finishes_dense, stores as stores_dense};
pub use depthwise::{Needs, depthwise, needs as depthwise_needs, takes as takes_depthwise};
pub use pool::average::{average_pool, takes as takes_average_pool};
pub use pool::max::{max_pool, takes as takes_max_pool};
pub use rescale::{rescale, takes as takes_rescale};

/// Channels that depthwise layers and average pooling take together: bytes of a word.
const GROUP: usize = 4;

/// Whether channels are whole groups; the rest of one needs the feature `wide`.
pub fn fills_groups(spec: &TensorSpec) -> bool {
    usize::from(spec.dims.c) & (GROUP - 1) == 0
}
