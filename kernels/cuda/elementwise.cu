//! Steps without neighbours: add, rescale, table, concatenation. Each thread computes `G` channels of a pixel.
#include "channels.cuh"
#include "numerics.cuh"

struct AddParams {
    const u8 *a, *b;
    u8* y;
    i32 pixels, channels, a_type, b_type, y_type;
    i32 a_multiplier, b_multiplier, offset, shift, lo, hi;
};

template <int G> DEVICE void add(const AddParams& p) {
    const Group at = my_group<G>(p.pixels, p.channels);
    if (!at.inside) return;
    i32 a[G], b[G];
    const i64 pixel = at.pixel;
    Channels<G>::load(p.a + pixel * packed_bytes(p.a_type, p.channels), p.a_type, at.channel, p.channels, a);
    Channels<G>::load(p.b + pixel * packed_bytes(p.b_type, p.channels), p.b_type, at.channel, p.channels, b);
#pragma unroll
    for (i32 i = 0; i < G; i++) {
        a[i] = rescale(a[i], p.a_multiplier, wrapping_add(wrapping_mul(b[i], p.b_multiplier), p.offset), p.shift,
                       p.lo, p.hi);
    }
    Channels<G>::store(p.y + pixel * packed_bytes(p.y_type, p.channels), p.y_type, at.channel, p.channels, a);
}

ENTRY(add_2, 256, AddParams, add<2>(p))
ENTRY(add_8, 256, AddParams, add<8>(p))

struct RescaleParams {
    const u8* x;
    u8* y;
    const i32 *multipliers, *offsets;
    i32 pixels, channels, x_type, y_type;
    i32 per_channel, shift, lo, hi;
};

template <int G> DEVICE void rescale_step(const RescaleParams& p) {
    const Group at = my_group<G>(p.pixels, p.channels);
    if (!at.inside) return;
    i32 v[G];
    const i64 pixel = at.pixel;
    Channels<G>::load(p.x + pixel * packed_bytes(p.x_type, p.channels), p.x_type, at.channel, p.channels, v);
#pragma unroll
    for (i32 i = 0; i < G; i++) {
        const i32 entry = p.per_channel ? min_of(at.channel + i, p.channels - 1) : 0;
        v[i] = rescale(v[i], p.multipliers[entry], p.offsets[entry], p.shift, p.lo, p.hi);
    }
    Channels<G>::store(p.y + pixel * packed_bytes(p.y_type, p.channels), p.y_type, at.channel, p.channels, v);
}

ENTRY(rescale_2, 256, RescaleParams, rescale_step<2>(p))
ENTRY(rescale_8, 256, RescaleParams, rescale_step<8>(p))

struct TableParams {
    const u8* x;
    u8* y;
    const u8* entries;
    i32 pixels, channels, x_type, y_type;
};

template <int G> DEVICE void table(const TableParams& p) {
    const Group at = my_group<G>(p.pixels, p.channels);
    if (!at.inside) return;
    i32 v[G];
    const i64 pixel = at.pixel;
    Channels<G>::load(p.x + pixel * packed_bytes(p.x_type, p.channels), p.x_type, at.channel, p.channels, v);
    const i32 first = p.x_type == I8 ? 128 : 0;
#pragma unroll
    for (i32 i = 0; i < G; i++) v[i] = (i8)p.entries[v[i] + first];
    Channels<G>::store(p.y + pixel * packed_bytes(p.y_type, p.channels), p.y_type, at.channel, p.channels, v);
}

ENTRY(table_2, 256, TableParams, table<2>(p))
ENTRY(table_8, 256, TableParams, table<8>(p))

const i32 MAX_PARTS = 8;

/// Part `i` fills the channels from `first[i]` to `first[i + 1]`.
struct ConcatParams {
    const u8* x[MAX_PARTS];
    u8* y;
    i32 first[MAX_PARTS + 1];
    i32 type[MAX_PARTS], multiplier[MAX_PARTS], offset[MAX_PARTS];
    i32 parts, pixels, channels, y_type, shift, lo, hi;
};

// Parts may share a byte of the result, so one thread reads from two of them.
DEVICE void concat(const ConcatParams& p) {
    const Group at = my_group<2>(p.pixels, p.channels);
    if (!at.inside) return;
    i32 v[2] = {0, 0};
    for (i32 i = 0; i < 2; i++) {
        const i32 c = at.channel + i;
        for (i32 part = 0; part < p.parts; part++) {
            if (c < p.first[part] || c >= p.first[part + 1]) continue;
            const i32 bytes = packed_bytes(p.type[part], p.first[part + 1] - p.first[part]);
            const i32 q = load_channel(p.x[part] + (i64)at.pixel * bytes, p.type[part], c - p.first[part]);
            v[i] = rescale(q, p.multiplier[part], p.offset[part], p.shift, p.lo, p.hi);
        }
    }
    Channels<2>::store(p.y + (i64)at.pixel * packed_bytes(p.y_type, p.channels), p.y_type, at.channel, p.channels, v);
}

ENTRY(concat_2, 256, ConcatParams, concat(p))
