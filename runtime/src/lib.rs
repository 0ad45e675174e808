//! Loads, validates and runs an integer-only network in place: no heap, no float, no division, no panic.
//!
//! ```text
//! &[u8] --Model::load--> Model --session(arena)--> Session --step() / run()--> output
//! ```
//!
//! # Modules
//! - [`format`]: what the bytes of a model file mean (docs/format.md).
//! - [`validate`]: every check between bytes and a [`Model`]. After `Ok`, no step reads or writes outside
//!   arena and file, whatever the bytes were.
//! - [`plan`]: where tensors lie in the arena. The host runs it; its result is in the file.
//! - [`execute`]: [`Session`], one step at a time.
//! - [`resolve`]: from a decoded step to its operator with constants, for other backends too.
//! - [`trace`]: the CRC-32 of a step's output, the same on every target.
//! - [`golden`]: input vectors with their results, so that a device tests itself.
//! - [`value`]: real-valued inputs and outputs as fixed-point numbers.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
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

#[cfg(target_endian = "big")]
compile_error!("model files are little endian and run in place");

mod error;
pub mod execute;
pub mod format;
pub mod golden;
mod linked;
mod memory;
mod model;
mod perform;
pub mod plan;
pub mod resolve;
pub mod trace;
pub mod validate;
pub mod value;

pub use error::{LoadError, RunError, SelfTestError};
pub use execute::{Progress, Session};
pub use model::Model;

/// Version of the file format that this runtime writes and the newest that it reads.
pub const FORMAT_VERSION: u16 = 1;

/// Version of the runtime's behaviour: a file may ask for a minimum.
pub const RUNTIME_VERSION: u16 = 1;

/// Aligns an arena or an embedded model as the runtime wants it: `Aligned([0u8; N])`.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct Aligned<T: ?Sized>(pub T);
