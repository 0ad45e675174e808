//! Runs the very file of a microcontroller on an NVIDIA GPU, bit for bit as on the host.
//!
//! ```text
//! Model --Plan (launches, weights in the kernels' order)--> Runner --batches--> outputs, CRC of every step
//! ```
//!
//! The kernels are `kernels/cuda`; NVRTC compiles them for the GPU at hand, and the result is cached. Nothing here
//! computes an integer of a network.
//!
//! # Modules
//! - [`source`]: the embedded CUDA source. [`params`]: launch parameters.
//! - [`weights`], [`accumulate`], [`tiles`], [`simple`]: from operators of `kernels::op` to launches.
//! - [`plan`]: from a model to launches. [`runner`]: a model on a [`Device`].
//! - [`resources`]: what the compiler gave a kernel.
//! - [`compile`]: NVRTC. [`cache`]: what it made, and measured choices. [`gpu`]: the device; cudarc is named only in these.

pub mod accumulate;
pub mod cache;
pub mod compile;
mod error;
pub mod gpu;
pub mod launch;
pub mod params;
pub mod plan;
pub mod resources;
pub mod runner;
pub mod simple;
pub mod source;
pub mod tiles;
pub mod weights;

pub use error::CudaError;
pub use gpu::Gpu;
pub use launch::Launch;
pub use plan::Plan;
pub use runner::{Device, Runner, Trace};
