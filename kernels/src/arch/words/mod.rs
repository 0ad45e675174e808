//! Kernels for cores that multiply one pair at a time (Cortex-M0, M3, RISC-V): weights in rows, of which four meet
//! the columns of two pixels at once, so that a loaded value meets several others.
//!
//! On Armv6-M and Armv7-M narrow weights meet two inputs in one multiplication instead, a row at a time.
//!
//! Products of a convolution are instructions on Armv6-M, Armv7-M and RISC-V, and portable arithmetic everywhere else.
#![allow(clippy::indexing_slicing, reason = "constant indices of arrays; slices go through `get`")]

mod column;
pub(crate) mod conv2d;
mod dense;
#[cfg(rv32im)]
mod dense_rv32;
#[cfg(any(armv6m, armv7m))]
mod dense_task;
pub(crate) mod depthwise;
#[cfg(rv32im)]
mod depthwise_rv32;
#[cfg(rv32im)]
mod depthwise_rv32_asm;
#[cfg(armv7m)]
mod depthwise_v7m;
mod four;
#[cfg(any(armv6m, armv7m))]
mod narrow;
#[cfg(any(armv6m, armv7m))]
mod narrow_dense;
#[cfg(armv6m)]
mod narrow_dense_v6m;
#[cfg(armv7m)]
mod narrow_dense_v7m;
#[cfg(armv6m)]
mod narrow_v6m;
#[cfg(armv7m)]
mod narrow_v7m;
#[cfg(armv6m)]
mod pixels;
mod planes;
#[cfg(armv6m)]
mod planes_v6m;
#[cfg(armv7m)]
mod planes_v7m;
mod product;
#[cfg(rv32im)]
mod product_rv32;
#[cfg(armv6m)]
mod product_v6m;
#[cfg(armv7m)]
mod product_v7m;
#[cfg(rv32im)]
mod rv32;
#[cfg(armv6m)]
mod v6m;

pub use conv2d::conv2d;
pub use dense::{dense, takes as takes_dense};
pub use depthwise::{depthwise, takes as takes_depthwise};
pub use four::{stores_conv2d, stores_dense};
