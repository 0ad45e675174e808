//! Integer-only kernels.
#![no_std]
#![forbid(unsafe_code)]
