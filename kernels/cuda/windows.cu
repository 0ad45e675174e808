//! Steps that read neighbours without weights: maximum and average pooling, strided crop with padding.
#include "channels.cuh"
#include "numerics.cuh"

struct PoolParams {
    const u8* x;
    u8* y;
    const i32 *multipliers, *offsets;
    i32 pixels, channels, x_type, y_type, x_zero;
    i32 in_h, in_w, out_h, out_w;
    i32 kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
    i32 entries, shift, lo, hi;
};

/// Calls `fold` with the `G` channels of every tap inside the operand; how many there were.
template <int G, class Fold> DEVICE i32 each_tap(const PoolParams& p, const Group& at, Fold fold) {
    const Place place = place_of(at.pixel, p.out_h, p.out_w);
    const i32 bytes = packed_bytes(p.x_type, p.channels);
    i32 inside = 0;
    for (i32 ky = 0; ky < p.kernel_h; ky++) {
        const i32 iy = place.h * p.stride_h + ky - p.pad_h;
        if ((u32)iy >= (u32)p.in_h) continue;
        for (i32 kx = 0; kx < p.kernel_w; kx++) {
            const i32 ix = place.w * p.stride_w + kx - p.pad_w;
            if ((u32)ix >= (u32)p.in_w) continue;
            i32 v[G];
            const i64 pixel = ((i64)place.image * p.in_h + iy) * p.in_w + ix;
            Channels<G>::load(p.x + pixel * bytes, p.x_type, at.channel, p.channels, v);
            fold(v);
            inside++;
        }
    }
    return inside;
}

template <int G> DEVICE void max_pool(const PoolParams& p) {
    const Group at = my_group<G>(p.pixels, p.channels);
    if (!at.inside) return;
    i32 best[G];
    const i32 lowest = p.x_type == U4 ? 0 : p.x_type == I8 ? -128 : -32768;
#pragma unroll
    for (i32 i = 0; i < G; i++) best[i] = lowest;
    each_tap<G>(p, at, [&](const i32 (&v)[G]) {
#pragma unroll
        for (i32 i = 0; i < G; i++) best[i] = max_of(best[i], v[i]);
    });
#pragma unroll
    for (i32 i = 0; i < G; i++) best[i] = clamp(best[i], p.lo, p.hi);
    const i64 pixel = at.pixel;
    Channels<G>::store(p.y + pixel * packed_bytes(p.y_type, p.channels), p.y_type, at.channel, p.channels, best);
}

ENTRY(max_pool_2, 256, PoolParams, max_pool<2>(p))
ENTRY(max_pool_8, 256, PoolParams, max_pool<8>(p))

template <int G> DEVICE void average_pool(const PoolParams& p) {
    const Group at = my_group<G>(p.pixels, p.channels);
    if (!at.inside) return;
    i32 sum[G];
#pragma unroll
    for (i32 i = 0; i < G; i++) sum[i] = 0;
    const i32 inside = each_tap<G>(p, at, [&](const i32 (&v)[G]) {
#pragma unroll
        for (i32 i = 0; i < G; i++) sum[i] = wrapping_add(sum[i], v[i]);
    });
    // With one entry padded taps count as the zero point, with more they do not count.
    const i32 padding = p.entries == 1 ? p.kernel_h * p.kernel_w - inside : 0;
    const i32 entry = p.entries == 1 ? 0 : max_of(inside - 1, 0);
#pragma unroll
    for (i32 i = 0; i < G; i++) {
        sum[i] = rescale(wrapping_add(sum[i], wrapping_mul(p.x_zero, padding)), p.multipliers[entry],
                         p.offsets[entry], p.shift, p.lo, p.hi);
    }
    const i64 pixel = at.pixel;
    Channels<G>::store(p.y + pixel * packed_bytes(p.y_type, p.channels), p.y_type, at.channel, p.channels, sum);
}

ENTRY(average_pool_2, 256, PoolParams, average_pool<2>(p))
ENTRY(average_pool_8, 256, PoolParams, average_pool<8>(p))

struct WindowParams {
    const u8* x;
    u8* y;
    i32 pixels, type, in_h, in_w, in_c, out_h, out_w, out_c;
    i32 offset_h, offset_w, offset_c, stride_h, stride_w, fill;
};

DEVICE void window(const WindowParams& p) {
    const Group at = my_group<2>(p.pixels, p.out_c);
    if (!at.inside) return;
    const Place place = place_of(at.pixel, p.out_h, p.out_w);
    const i32 iy = place.h * p.stride_h + p.offset_h, ix = place.w * p.stride_w + p.offset_w;
    const bool inside = (u32)iy < (u32)p.in_h && (u32)ix < (u32)p.in_w;
    const i64 pixel = ((i64)place.image * p.in_h + iy) * p.in_w + ix;
    i32 v[2];
    for (i32 i = 0; i < 2; i++) {
        const i32 c = at.channel + i + p.offset_c;
        v[i] = inside && (u32)c < (u32)p.in_c
                   ? load_channel(p.x + pixel * packed_bytes(p.type, p.in_c), p.type, c) : p.fill;
    }
    Channels<2>::store(p.y + (i64)at.pixel * packed_bytes(p.type, p.out_c), p.type, at.channel, p.out_c, v);
}

ENTRY(window_2, 256, WindowParams, window(p))
