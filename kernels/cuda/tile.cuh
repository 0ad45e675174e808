//! A block's tile of the implicit matrix product: how operands lie in shared memory, and one slab's multiplication.
//!
//! Rows of the product are output pixels, columns are output channels, the depth goes over taps and input channels.
//! It is cut into slabs of 64 bytes a row: 64 signed bytes, or 128 nibbles. Pixels lie in shared memory as rows of four
//! 16-byte chunks, which are exchanged so that eight rows of one chunk meet all banks (`swizzled`). Weights lie as the
//! host packed them: for every eight channels and every lane, the registers of the slab's two multiplications.
#pragma once
#include "accumulate.cuh"

const i32 SLAB_BYTES = 64;
const i32 CHUNKS = 4;

/// How a chunk of pixels comes into shared memory.
enum Loader {
    COPY = 0,    // 16 bytes as they are
    GATHER = 1,  // 16 elements one by one, as signed bytes
    UNPACK = 2,  // 16 nibbles from 8 bytes, as signed bytes
};

/// What is multiplied.
enum Product {
    BYTES = 0,          // signed bytes by signed bytes
    BYTES_NIBBLES = 1,  // signed bytes by 4-bit weights, widened in registers to 16 times their value
    BYTES_PAIRS = 2,    // signed bytes by 2-bit weights, widened in registers to 64 times their value
    NIBBLES = 3,        // unsigned nibbles by 4-bit weights
};

/// Bytes of a lane's weights in a slab and eight channels.
template <int PRODUCT> struct LaneWeights {
    static const i32 BYTES_OF_LANE = PRODUCT == BYTES_NIBBLES ? 8 : PRODUCT == BYTES_PAIRS ? 4 : 16;
    /// The product is this many bits too far left.
    static const i32 SCALE = PRODUCT == BYTES_NIBBLES ? 4 : PRODUCT == BYTES_PAIRS ? 6 : 0;
};

DEVICE i32 swizzled(i32 row, i32 chunk) { return row * SLAB_BYTES + ((chunk ^ (row >> 1 & 3)) << 4); }

/// The four registers of a lane, from its bytes: two for each of the slab's multiplications.
template <int PRODUCT> DEVICE void lane_weights(const u8* bytes, u32 (&b)[4]) {
    if (PRODUCT == BYTES_NIBBLES) {
        const uint2 words = *(const uint2*)bytes;
        b[0] = words.x << 4 & 0xf0f0f0f0u;
        b[1] = words.x & 0xf0f0f0f0u;
        b[2] = words.y << 4 & 0xf0f0f0f0u;
        b[3] = words.y & 0xf0f0f0f0u;
    } else if (PRODUCT == BYTES_PAIRS) {
        const u32 word = *(const u32*)bytes;
        b[0] = word << 6 & 0xc0c0c0c0u;
        b[1] = word << 4 & 0xc0c0c0c0u;
        b[2] = word << 2 & 0xc0c0c0c0u;
        b[3] = word & 0xc0c0c0c0u;
    } else {
        const uint4 words = *(const uint4*)bytes;
        b[0] = words.x;
        b[1] = words.y;
        b[2] = words.z;
        b[3] = words.w;
    }
}

/// d += a * b for 16 pixels and 8 channels; Turing does it in four parts with the same registers.
template <int PRODUCT> DEVICE void multiply(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if ARCH >= 800
    if (PRODUCT == NIBBLES) mma_m16n8k64_u4_s4(d, a, b0, b1);
    else mma_m16n8k32_s8(d, a, b0, b1);
#else
    if (PRODUCT == NIBBLES) {
        mma_m8n8k32_u4_s4(d[0], d[1], a[0], b0);
        mma_m8n8k32_u4_s4(d[2], d[3], a[1], b0);
        mma_m8n8k32_u4_s4(d[0], d[1], a[2], b1);
        mma_m8n8k32_u4_s4(d[2], d[3], a[3], b1);
    } else {
        mma_m8n8k16_s8(d[0], d[1], a[0], b0);
        mma_m8n8k16_s8(d[2], d[3], a[1], b0);
        mma_m8n8k16_s8(d[0], d[1], a[2], b1);
        mma_m8n8k16_s8(d[2], d[3], a[3], b1);
    }
#endif
}

/// Where a lane reads in every stage: pixels for either of a slab's multiplications, and weights.
struct Reads {
    i32 pixels[2], weights;
};

/// The warp's weights of a slab: `NI` times eight channels.
template <int PRODUCT, int NI> DEVICE void slab_weights(const u8* bytes, u32 (&b)[NI][4]) {
#pragma unroll
    for (i32 ni = 0; ni < NI; ni++) lane_weights<PRODUCT>(bytes + ni * 32 * LaneWeights<PRODUCT>::BYTES_OF_LANE, b[ni]);
}

/// One of a slab's two multiplications: the warp's `MI` times 16 pixels by `NI` times 8 channels.
template <int PRODUCT, int HALF, int MI, int NI>
DEVICE void multiply_half(i32 (&acc)[MI][NI][4], const u8* stage, const Reads& reads, const u32 (&b)[NI][4]) {
#pragma unroll
    for (i32 mi = 0; mi < MI; mi++) {
        u32 a[4];
        load_matrices(a, stage + reads.pixels[HALF] + mi * 16 * SLAB_BYTES);
#pragma unroll
        for (i32 ni = 0; ni < NI; ni++) multiply<PRODUCT>(acc[mi][ni], a, b[ni][2 * HALF], b[ni][2 * HALF + 1]);
    }
}
