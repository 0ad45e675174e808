//! What every kernel file starts from: integer names, entry points, and the choice between a GPU and its emulation.
#pragma once

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef EMULATE
#include "emulate/warp.h"
#else
#define DEVICE __device__ __forceinline__
#define SHARED_BYTES(name) extern __shared__ __align__(16) u8 name[]
// An entry point takes one structure by value, so that the host launches every kernel in the same way.
#define ENTRY(name, threads, Params, body) \
    extern "C" __global__ void __launch_bounds__(threads) name(const Params p) { body; }
#define ARCH __CUDA_ARCH__
#include "ptx.cuh"
#endif

/// Storage types of activations; numbers are those of the host's launch parameters.
enum Type { U4 = 0, I8 = 1, I16 = 2 };

DEVICE i32 min_of(i32 a, i32 b) { return a < b ? a : b; }
DEVICE i32 max_of(i32 a, i32 b) { return a > b ? a : b; }

/// Bytes of `channels` packed elements.
DEVICE i32 packed_bytes(i32 type, i32 channels) {
    return type == U4 ? (channels + 1) >> 1 : type == I8 ? channels : channels << 1;
}
