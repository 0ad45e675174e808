//! Why a model does not run on a GPU, each with what to do.

use std::path::PathBuf;

/// Error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// No driver.
    #[error(
        "no NVIDIA driver here: libcuda.so.1 cannot be loaded. Install the driver (Debian: nvidia-driver), or give the \
         container its GPU (docker run --gpus all)"
    )]
    NoDriver,
    /// A driver from before CUDA 12.
    #[error(
        "the NVIDIA driver is made for CUDA {major}.{minor}; 12.0 or later is needed, that is driver 525 or later: \
         update it, see `nvidia-smi`"
    )]
    OldDriver {
        /// Version of CUDA that the driver was made for.
        major: i32,
        /// Version of CUDA that the driver was made for.
        minor: i32,
    },
    /// A driver without a GPU.
    #[error("the NVIDIA driver finds no GPU of number {index}; there are {count}, see `nvidia-smi -L`")]
    NoDevice {
        /// What was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A GPU without integer tensor cores.
    #[error(
        "{name} has compute capability {major}.{minor}; integer tensor cores need 7.5 (Turing: T4, RTX 20) or later"
    )]
    TooOld {
        /// Name of the GPU.
        name: String,
        /// Compute capability.
        major: i32,
        /// Compute capability.
        minor: i32,
    },
    /// No compiler.
    #[error(
        "NVRTC, the run-time compiler of CUDA 12, cannot be loaded. Either `cargo xtask setup` in the repository, or install \
         CUDA 12, or\n    pip install nvidia-cuda-nvrtc-cu12\nand name its folder: \
         SPARROWHAWK_NVRTC=…/site-packages/nvidia/cuda_nvrtc/lib"
    )]
    NoCompiler,
    /// The compiler refused the kernels.
    #[error("NVRTC does not compile module {module} for sm_{arch}:\n{log}")]
    Compile {
        /// The module.
        module: String,
        /// The architecture.
        arch: u32,
        /// What NVRTC said.
        log: String,
    },
    /// Not enough memory.
    #[error(
        "the GPU has {free} bytes free, batch {batch} needs {need}: take a smaller batch, or end other programs"
    )]
    Memory {
        /// Images at a time.
        batch: usize,
        /// Bytes needed.
        need: u64,
        /// Bytes free.
        free: u64,
    },
    /// A tensor beyond 32-bit addressing.
    #[error(
        "a tensor of step {step} has {bytes} bytes at batch {batch}, {most} is the most: take a smaller batch"
    )]
    TooLarge {
        /// The step.
        step: usize,
        /// Images at a time.
        batch: usize,
        /// Bytes of the tensor.
        bytes: u64,
        /// [`crate::plan::MOST_BYTES`].
        most: u64,
    },
    /// A step reads bytes that no step wrote as one tensor.
    #[error(
        "step {step} reads bytes {offset}.. of the arena, which no earlier step wrote as one tensor: not supported on a GPU"
    )]
    UnsupportedOperand {
        /// The step.
        step: usize,
        /// First byte.
        offset: u32,
    },
    /// The step is not one that a loaded model has.
    #[error("step {step}: {source}")]
    InvalidStep {
        /// The step.
        step: usize,
        /// Why.
        source: kernels::KernelError,
    },
    /// The samples do not fit the input.
    #[error("the network's input has {need} bytes, an input of {have} was given")]
    Input {
        /// Bytes of the input tensor.
        need: usize,
        /// Bytes given.
        have: usize,
    },
    /// The driver failed.
    #[error("CUDA, {what}: {message}")]
    Driver {
        /// What was tried.
        what: String,
        /// The driver's message.
        message: String,
    },
    /// A file of the cache.
    #[error("{}: {source}", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
