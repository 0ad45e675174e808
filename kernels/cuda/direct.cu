//! Convolution without tensor cores, for what does not fit them: any groups and channel counts. A thread computes
//! two channels of a pixel. Weights are signed bytes, `row_bytes` for each output channel: taps, then the group's
//! inputs. With `DP4A` four inputs are multiplied at once; then pixels and groups start on words.
#include "accumulate.cuh"

template <bool DP4A> DEVICE i32 dot_pixel(const AccumulateParams& p, const u8* pixel, const u8* row, i32 first, i32 acc) {
    if (DP4A) {
        for (i32 k = 0; k < p.group_inputs; k += 4) {
            acc = __dp4a(*(const i32*)(pixel + first + k), *(const i32*)(row + k), acc);
        }
    } else {
        for (i32 k = 0; k < p.group_inputs; k++) {
            acc = wrapping_add(acc, load_channel(pixel, p.x_type, first + k) * (i8)row[k]);
        }
    }
    return acc;
}

template <bool DP4A> DEVICE i32 dot_window(const AccumulateParams& p, const Place& place, i32 c) {
    const i32 first = c / p.group_outputs * p.group_inputs;
    const i32 pixel_bytes = packed_bytes(p.x_type, p.in_c);
    const u8* row = p.weights + (i64)c * p.row_bytes;
    i32 acc = p.bias[c];
    for (i32 ky = 0; ky < p.kernel_h; ky++) {
        const i32 iy = place.h * p.stride_h + ky * p.dilation_h - p.pad_h;
        for (i32 kx = 0; kx < p.kernel_w; kx++, row += p.group_inputs) {
            const i32 ix = place.w * p.stride_w + kx * p.dilation_w - p.pad_w;
            if ((u32)iy < (u32)p.in_h && (u32)ix < (u32)p.in_w) {
                const i64 pixel = ((i64)place.image * p.in_h + iy) * p.in_w + ix;
                acc = dot_pixel<DP4A>(p, p.x + pixel * pixel_bytes, row, first, acc);
            } else {
                for (i32 k = 0; k < p.group_inputs; k++) acc = wrapping_add(acc, p.x_zero * (i8)row[k]);
            }
        }
    }
    return acc;
}

template <bool DP4A> DEVICE void direct(const AccumulateParams& p) {
    const Group at = my_group<2>(p.pixels, p.channels);
    if (!at.inside) return;
    const Place place = place_of(at.pixel, p.out_h, p.out_w);
    GroupSums<2> sums = {};
    for (i32 i = 0; i < 2 && at.channel + i < p.channels; i++) sums.acc[i] = dot_window<DP4A>(p, place, at.channel + i);
    write_group<2>(p, sums, at.pixel, at.channel);
}

ENTRY(direct_any, 128, AccumulateParams, direct<false>(p))
ENTRY(direct_dp4a, 128, AccumulateParams, direct<true>(p))
