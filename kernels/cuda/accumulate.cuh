//! What convolution, depthwise and dense steps share: parameters, and the way from an accumulator to a result.
#pragma once
#include "channels.cuh"
#include "numerics.cuh"

/// Launch parameters of every accumulating step; which fields a kernel reads is said there.
struct AccumulateParams {
    const u8* x;
    const u8* residual;  // or null
    u8* y;
    const u8* weights;
    const i32 *bias, *multipliers;  // padded with zeros to whole tiles
    const int4* taps;
    const u8* padding;  // 16 bytes of what a padded tap reads
    i32* partial;       // sums of tiles that several blocks compute
    u32* arrivals;      // how many of a tile's blocks have come; zeros before and after
    i32 pixels, channels, in_h, in_w, in_c, out_h, out_w;
    i32 x_type, x_zero, residual_type, y_type;
    i32 kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
    i32 group_inputs, group_outputs;
    i32 slabs, octets, row_bytes;
    i32 splits, split_slabs;  // blocks of a tile, and the slabs of each
    i32 residual_multiplier, shift, lo, hi;
};

/// The result of channel `c`; `acc` holds the bias.
DEVICE i32 finish(const AccumulateParams& p, i32 acc, i32 c, i32 residual) {
    if (!p.residual) return requantize(acc, p.multipliers[c], p.shift, p.lo, p.hi);
    return requantize_sum(acc, p.multipliers[c], residual, p.residual_multiplier, p.shift, p.lo, p.hi);
}

/// Requantises the `G` accumulators of a group of channels, each with its bias and the identity term, and stores them.
template <int G> DEVICE void write_group(const AccumulateParams& p, i32 (&acc)[G], i32 pixel, i32 c) {
    i32 residual[G];
#pragma unroll
    for (i32 i = 0; i < G; i++) residual[i] = 0;
    if (p.residual) {
        const u8* at = p.residual + (i64)pixel * packed_bytes(p.residual_type, p.channels);
        Channels<G>::load(at, p.residual_type, c, p.channels, residual);
    }
#pragma unroll
    for (i32 i = 0; i < G; i++) acc[i] = finish(p, acc[i], c + i, residual[i]);
    Channels<G>::store(p.y + (i64)pixel * packed_bytes(p.y_type, p.channels), p.y_type, c, p.channels, acc);
}
