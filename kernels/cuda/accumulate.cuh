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

/// A group of `G` channels of a pixel, of which `acc` holds sums with the bias.
template <int G> struct GroupSums {
    i32 acc[G], multipliers[G];
    i32 residual[G];  // where there is one
};

template <int G, bool RESIDUAL, bool HIGH> DEVICE void finish_by(const AccumulateParams& p, GroupSums<G>& sums) {
#pragma unroll
    for (i32 i = 0; i < G; i++) {
        const i32 acc = sums.acc[i], m = sums.multipliers[i];
        sums.acc[i] = RESIDUAL ? requantize_sum<HIGH>(acc, m, sums.residual[i], p.residual_multiplier, p.shift, p.lo, p.hi)
                               : requantize<HIGH>(acc, m, p.shift, p.lo, p.hi);
    }
}

/// The sums become results.
template <int G, bool RESIDUAL> DEVICE void finish(const AccumulateParams& p, GroupSums<G>& sums) {
    if (p.shift >= 32) finish_by<G, RESIDUAL, true>(p, sums);
    else finish_by<G, RESIDUAL, false>(p, sums);
}

DEVICE const u8* residual_pixel(const AccumulateParams& p, i32 pixel) {
    return p.residual + (i64)pixel * packed_bytes(p.residual_type, p.channels);
}

/// Stores a group's results in a pixel.
template <int G> DEVICE void store_results(const AccumulateParams& p, const GroupSums<G>& sums, i32 pixel, i32 c) {
    Channels<G>::store(p.y + (i64)pixel * packed_bytes(p.y_type, p.channels), p.y_type, c, p.channels, sums.acc);
}

/// Requantises and stores sums of which only `acc` is there.
template <int G> DEVICE void write_group(const AccumulateParams& p, GroupSums<G>& sums, i32 pixel, i32 c) {
    load_words<G>(p.multipliers + c, sums.multipliers);
    if (p.residual) {
        Channels<G>::load(residual_pixel(p, pixel), p.residual_type, c, p.channels, sums.residual);
        finish<G, true>(p, sums);
    } else {
        finish<G, false>(p, sums);
    }
    store_results<G>(p, sums, pixel, c);
}
