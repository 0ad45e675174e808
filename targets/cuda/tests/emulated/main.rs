//! The CUDA source on a processor: compiled as C++ with `kernels/cuda/emulate`, every kernel against the host's.

/// Where the kernels' sources are.
const KERNELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels/cuda");

mod device;
mod network;
mod random;
mod steps;
