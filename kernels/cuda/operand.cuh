//! From tensors in global memory to a slab in shared memory: taps, padding, the three loaders.
#pragma once
#include "tile.cuh"

/// The pixels whose chunks one thread brings: always the same rows and the same chunk of a slab.
template <int ROWS> struct Rows {
    i32 base[ROWS];  // byte of the window's first pixel, which may lie in the padding
    i32 h[ROWS], w[ROWS];
};

/// Out of every operand, whatever tap is added.
const i32 NOWHERE = -(1 << 28);

template <int ROWS, int STEP> DEVICE void find_rows(const AccumulateParams& p, i32 first, Rows<ROWS>& rows) {
    const i32 pixel_bytes = packed_bytes(p.x_type, p.in_c);
#pragma unroll
    for (i32 i = 0; i < ROWS; i++) {
        const i32 pixel = first + i * STEP;
        const Place place = place_of(pixel, p.out_h, p.out_w);
        const i32 h = place.h * p.stride_h - p.pad_h, w = place.w * p.stride_w - p.pad_w;
        const bool inside = pixel < p.pixels;
        rows.h[i] = inside ? h : NOWHERE;
        rows.w[i] = w;
        rows.base[i] = inside ? ((place.image * p.in_h + h) * p.in_w + w) * pixel_bytes : 0;
    }
}

/// Address of a tap's bytes, or of the padding. A tap is {bytes from the window's first pixel, row, column, shift}.
DEVICE const u8* tap_address(const AccumulateParams& p, int4 tap, i32 base, i32 h, i32 w) {
    const bool inside = (u32)(h + tap.y) < (u32)p.in_h && (u32)(w + tap.z) < (u32)p.in_w;
    return inside ? p.x + (base + tap.x) : p.padding;
}

/// Sixteen nibbles of eight bytes, one in a byte.
DEVICE uint4 spread(uint2 packed) {
    const u32 low0 = packed.x & 0x0f0f0f0fu, high0 = packed.x >> 4 & 0x0f0f0f0fu;
    const u32 low1 = packed.y & 0x0f0f0f0fu, high1 = packed.y >> 4 & 0x0f0f0f0fu;
    return make_uint4(__byte_perm(low0, high0, 0x5140), __byte_perm(low0, high0, 0x7362),
                      __byte_perm(low1, high1, 0x5140), __byte_perm(low1, high1, 0x7362));
}

/// Sixteen elements for each of a thread's rows, one by one; `taps` are those of its chunk.
template <int ROWS>
DEVICE void gather(const AccumulateParams& p, const Rows<ROWS>& rows, const int4* taps, uint4 (&out)[ROWS]) {
    u32 words[ROWS][4];
#pragma unroll
    for (i32 word = 0; word < 4; word++) {
#pragma unroll
        for (i32 i = 0; i < ROWS; i++) words[i][word] = 0;
#pragma unroll
        for (i32 byte = 0; byte < 4; byte++) {
            const int4 tap = taps[word * 4 + byte];
#pragma unroll
            for (i32 i = 0; i < ROWS; i++) {
                const u32 q = *tap_address(p, tap, rows.base[i], rows.h[i], rows.w[i]);
                words[i][word] |= (p.x_type == U4 ? q >> tap.w & 15 : q) << (8 * byte);
            }
        }
    }
#pragma unroll
    for (i32 i = 0; i < ROWS; i++) out[i] = make_uint4(words[i][0], words[i][1], words[i][2], words[i][3]);
}

/// A chunk for each of a thread's rows, into registers.
template <int LOADER, int ROWS>
DEVICE void fetch(const AccumulateParams& p, const Rows<ROWS>& rows, int4 tap, uint4 (&out)[ROWS]) {
#pragma unroll
    for (i32 i = 0; i < ROWS; i++) {
        const u8* from = tap_address(p, tap, rows.base[i], rows.h[i], rows.w[i]);
        out[i] = LOADER == UNPACK ? spread(*(const uint2*)from) : *(const uint4*)from;
    }
}

#if ARCH >= 800
/// Starts the copies of a chunk for each of a thread's rows, `STEP` rows from one to the next.
template <int ROWS, int STEP>
DEVICE void copy_rows(const AccumulateParams& p, const Rows<ROWS>& rows, int4 tap, u8* to) {
    static_assert(STEP % 8 == 0, "all rows of a thread exchange their chunks in the same way");
#pragma unroll
    for (i32 i = 0; i < ROWS; i++) {
        copy_async(to + i * STEP * SLAB_BYTES, tap_address(p, tap, rows.base[i], rows.h[i], rows.w[i]));
    }
}
#endif
