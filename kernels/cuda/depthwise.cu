//! Depthwise convolution. Weights are signed bytes, a row of all channels per tap, rows padded to 8 channels.
#include "accumulate.cuh"

template <int G> DEVICE void depthwise(const AccumulateParams& p) {
    const Group at = my_group<G>(p.pixels, p.channels);
    if (!at.inside) return;
    const Place place = place_of(at.pixel, p.out_h, p.out_w);
    const i32 pixel_bytes = packed_bytes(p.x_type, p.channels);
    GroupSums<G> sums;
    load_words<G>(p.bias + at.channel, sums.acc);
    for (i32 ky = 0; ky < p.kernel_h; ky++) {
        const i32 iy = place.h * p.stride_h + ky * p.dilation_h - p.pad_h;
        for (i32 kx = 0; kx < p.kernel_w; kx++) {
            const i32 ix = place.w * p.stride_w + kx * p.dilation_w - p.pad_w;
            i32 q[G], w[G];
            if ((u32)iy < (u32)p.in_h && (u32)ix < (u32)p.in_w) {
                const i64 pixel = ((i64)place.image * p.in_h + iy) * p.in_w + ix;
                Channels<G>::load(p.x + pixel * pixel_bytes, p.x_type, at.channel, p.channels, q);
            } else {
#pragma unroll
                for (i32 i = 0; i < G; i++) q[i] = p.x_zero;
            }
            Channels<G>::load(p.weights + (ky * p.kernel_w + kx) * p.row_bytes, I8, at.channel, p.row_bytes, w);
#pragma unroll
            for (i32 i = 0; i < G; i++) sums.acc[i] = wrapping_add(sums.acc[i], wrapping_mul(q[i], w[i]));
        }
    }
    write_group<G>(p, sums, at.pixel, at.channel);
}

ENTRY(depthwise_2, 256, AccumulateParams, depthwise<2>(p))
ENTRY(depthwise_8, 256, AccumulateParams, depthwise<8>(p))
