//! The CUDA source on a processor: compiled as C++ with `kernels/cuda/emulate`, every kernel against the host's.

mod device;
mod network;
mod random;
mod steps;
