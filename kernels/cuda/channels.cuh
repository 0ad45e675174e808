//! Packed pixels: `G` neighbouring channels to and from registers. G = 2 takes any channel count, G = 8 wants a
//! multiple of 8, which makes every group one aligned vector.
#pragma once
#include "platform.cuh"

DEVICE i32 load_channel(const u8* pixel, i32 type, i32 c) {
    if (type == U4) return (pixel[c >> 1] >> ((c & 1) << 2)) & 15;
    if (type == I8) return (i8)pixel[c];
    return (i16)(pixel[2 * c] | pixel[2 * c + 1] << 8);
}

/// `G` words, which start on a vector where `G` is a multiple of four.
template <int G> DEVICE void load_words(const i32* from, i32 (&to)[G]) {
    if (G % 4 != 0) {
#pragma unroll
        for (i32 i = 0; i < G; i++) to[i] = from[i];
        return;
    }
#pragma unroll
    for (i32 i = 0; i < G / 4; i++) {
        const int4 four = ((const int4*)from)[i];
        to[4 * i] = four.x;
        to[4 * i + 1] = four.y;
        to[4 * i + 2] = four.z;
        to[4 * i + 3] = four.w;
    }
}

template <int G> struct Channels;

template <> struct Channels<2> {
    static DEVICE void load(const u8* pixel, i32 type, i32 c, i32 channels, i32 (&v)[2]) {
        v[0] = load_channel(pixel, type, c);
        v[1] = c + 1 < channels ? load_channel(pixel, type, c + 1) : 0;
    }

    static DEVICE void store(u8* pixel, i32 type, i32 c, i32 channels, const i32 (&v)[2]) {
        const bool both = c + 1 < channels;
        if (type == U4) {
            pixel[c >> 1] = (u8)((v[0] & 15) | (both ? (v[1] & 15) << 4 : 0));
        } else if (type == I8) {
            pixel[c] = (u8)v[0];
            if (both) pixel[c + 1] = (u8)v[1];
        } else {
            const i32 count = both ? 2 : 1;
            for (i32 i = 0; i < count; i++) {
                pixel[2 * (c + i)] = (u8)v[i];
                pixel[2 * (c + i) + 1] = (u8)(v[i] >> 8);
            }
        }
    }
};

template <> struct Channels<8> {
    /// The channels as they are packed, in as many of the words as their type takes.
    static DEVICE uint4 load_packed(const u8* pixel, i32 type, i32 c) {
        if (type == U4) return make_uint4(*(const u32*)(pixel + (c >> 1)), 0, 0, 0);
        if (type == I16) return *(const uint4*)(pixel + 2 * c);
        const uint2 words = *(const uint2*)(pixel + c);
        return make_uint4(words.x, words.y, 0, 0);
    }

    static DEVICE void unpack(const uint4& packed, i32 type, i32 (&v)[8]) {
        const u32 w[4] = {packed.x, packed.y, packed.z, packed.w};
        if (type == U4) {
#pragma unroll
            for (i32 i = 0; i < 8; i++) v[i] = (w[0] >> (4 * i)) & 15;
        } else if (type == I8) {
#pragma unroll
            for (i32 i = 0; i < 8; i++) v[i] = (i8)(w[i >> 2] >> (8 * (i & 3)));
        } else {
#pragma unroll
            for (i32 i = 0; i < 8; i++) v[i] = (i16)(w[i >> 1] >> (16 * (i & 1)));
        }
    }

    static DEVICE void load(const u8* pixel, i32 type, i32 c, i32, i32 (&v)[8]) {
        unpack(load_packed(pixel, type, c), type, v);
    }

    static DEVICE void store(u8* pixel, i32 type, i32 c, i32, const i32 (&v)[8]) {
        u32 w[4] = {0, 0, 0, 0};
        if (type == U4) {
#pragma unroll
            for (i32 i = 0; i < 8; i++) w[0] |= (u32)(v[i] & 15) << (4 * i);
            *(u32*)(pixel + (c >> 1)) = w[0];
        } else if (type == I8) {
#pragma unroll
            for (i32 i = 0; i < 8; i++) w[i >> 2] |= (u32)(v[i] & 255) << (8 * (i & 3));
            *(uint2*)(pixel + c) = make_uint2(w[0], w[1]);
        } else {
#pragma unroll
            for (i32 i = 0; i < 8; i++) w[i >> 1] |= (u32)(v[i] & 0xffff) << (16 * (i & 1));
            *(uint4*)(pixel + 2 * c) = make_uint4(w[0], w[1], w[2], w[3]);
        }
    }
};

/// The `G` channels of one pixel that a thread computes.
struct Group {
    i32 pixel, channel;
    bool inside;
};

/// Threads go over channels first, then over the pixels of all images. A tensor of at most 2^31 bytes has no more groups.
template <int G> DEVICE Group my_group(i32 pixels, i32 channels) {
    const u32 groups = (u32)(channels + G - 1) / G;
    const u32 index = blockIdx.x * blockDim.x + threadIdx.x, pixel = index / groups;
    return {(i32)pixel, (i32)(index - pixel * groups) * G, pixel < (u32)pixels};
}

/// Row and column of an output pixel, and the first pixel of its image in the operand.
struct Place {
    i32 h, w, image;
};

DEVICE Place place_of(i32 pixel, i32 out_h, i32 out_w) {
    const u32 row = (u32)pixel / (u32)out_w, image = row / (u32)out_h;
    return {(i32)row - (i32)image * out_h, pixel - (i32)row * out_w, (i32)image};
}
