//! What a step of an integer-only network computes: multiply, add, shift and saturate, nothing else.
//!
//! The crate knows no model, file or graph. It takes [`Tensor`] views (a shape, a storage type, bytes),
//! packed weights and multipliers, and writes another view.
//!
//! # Modules
//! - [`numerics`]: requantisation and saturation, the definition (docs/numerics.md).
//! - [`tensor`]: shapes, storage types and views of activations.
//! - [`layout`]: packed weights.
//! - [`op`]: what each operator takes, and the checks that make every kernel total.
//! - [`generic`]: portable kernels, the reference for every faster tier.
//! - [`arch`]: the tiers for particular cores, and the choice between them.
//! - `conformance` (feature of the same name): the cases that every tier runs.
//!
//! # Contract
//! A kernel first calls its operator's `check`; where that fails it returns the [`KernelError`] and writes
//! nothing. After it no input, weight or multiplier can cause a panic, a division, an allocation or a read
//! outside the views: arithmetic wraps in two's complement. Views are slices of [`core::cell::Cell`] because
//! some operators may write over their own input; each operator says when.
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod arch;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
pub mod generic;
pub mod layout;
mod linked;
pub mod numerics;
pub mod op;
mod scratch;
mod size;
pub mod tensor;

pub use error::KernelError;
pub use layout::{Layout, WeightBits, Weights};
pub use tensor::{Dims, Dtype, Tensor, TensorSpec};
