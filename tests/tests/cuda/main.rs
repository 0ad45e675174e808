//! The CUDA backend without a GPU: NVRTC compiles the kernels, and the same source runs on this processor as C++ with
//! `kernels/cuda/emulate`, every kernel and whole networks beside the host's.

mod accumulating;
mod case;
mod compile;
mod device;
mod draw;
mod driver;
mod networks;
mod simple;
