//! Convolution and dense layers as an implicit matrix product on integer tensor cores, one group.
//!
//! `conv<LOADER, PRODUCT, BM, BN, WM, WN>` computes `BM` pixels by `BN` channels a block, `WM` by `WN` a warp.
//! Reads of `AccumulateParams`: everything but the kernel, dilation, group and `row_bytes` fields; `taps` has an entry
//! per chunk (an element when gathering), `slabs` is the depth, `octets` the packed channels / 8. A tile has `splits` blocks.
#include "operand.cuh"
#include "split.cuh"

template <int LOADER, int PRODUCT, int BM, int BN, int WM, int WN> struct Tile {
    static const i32 THREADS = BM / WM * (BN / WN) * 32;
    static const i32 STEP = THREADS / CHUNKS;
    static const i32 ROWS = BM / STEP;
    static const i32 MI = WM / 16, NI = WN / 8;
    static const i32 PIXEL_BYTES = BM * SLAB_BYTES;
    static const i32 OCTET_BYTES = 32 * LaneWeights<PRODUCT>::BYTES_OF_LANE;
    static const i32 WEIGHT_BYTES = BN / 8 * OCTET_BYTES;
    static const i32 STAGE_BYTES = PIXEL_BYTES + WEIGHT_BYTES;
    static const i32 WEIGHT_CHUNKS = (WEIGHT_BYTES / 16 + THREADS - 1) / THREADS;
    typedef i32 Sums[MI][NI][4];
    /// Channels of a warp that go through shared memory at a time, and eights of them.
    static const i32 SUM_COLUMNS = WN < 32 ? WN : 32, OCTETS = SUM_COLUMNS / 8;
    /// Words of a pixel's sums in shared memory, and those from an octet's first four to its last four. With these, lanes
    /// that store or load at the same time meet every bank once.
    static const i32 SUM_STRIDE = 36, SUM_HALF = 16;
    /// Pixels between two of a lane.
    static const i32 SUM_ROWS = 32 / OCTETS;
    static const i32 WARP_SUM_BYTES = 16 * SUM_STRIDE * 4;
    static_assert(OCTETS * 4 <= SUM_HALF, "first and last fours of a pixel's octets do not overlap");
    static_assert(THREADS / 32 * WARP_SUM_BYTES <= 2 * STAGE_BYTES, "sums take the place of two stages");
};

/// Where a lane's results go: a column of eight channels, of which pixels from `end` on do not exist.
struct Column {
    i32 c, pixel, end;
};

/// The identity term of a column's pixel, packed; zeros where the pixel does not exist.
DEVICE uint4 load_identity(const AccumulateParams& p, const Column& at) {
    if (at.pixel >= at.end) return make_uint4(0, 0, 0, 0);
    return Channels<8>::load_packed(residual_pixel(p, at.pixel), p.residual_type, at.c);
}

/// Results of up to 16 pixels of the column, whose sums start at `from`; `identity` is the term of the first, and in the
/// end that of the first of the next 16.
template <class T, bool RESIDUAL>
DEVICE void write_column(const AccumulateParams& p, const i32* from, Column& at, uint4& identity) {
#pragma unroll 1
    for (i32 i = 0; i < 16; i += T::SUM_ROWS, from += T::SUM_ROWS * T::SUM_STRIDE) {
        GroupSums<8> sums;
        if (RESIDUAL) Channels<8>::unpack(identity, p.residual_type, sums.residual);
        const i32 pixel = at.pixel;
        at.pixel += T::SUM_ROWS;
        // A step ahead, so that it is there when it is wanted.
        if (RESIDUAL) identity = load_identity(p, at);
        if (pixel >= at.end) continue;
        i32 first[4], last[4], bias[8];
        load_words<4>(from, first);
        load_words<4>(from + T::SUM_HALF, last);
        load_words<8>(p.bias + at.c, bias);
        load_words<8>(p.multipliers + at.c, sums.multipliers);
#pragma unroll
        for (i32 k = 0; k < 8; k++) sums.acc[k] = wrapping_add(k < 4 ? first[k] : last[k - 4], bias[k]);
        finish<8, RESIDUAL>(p, sums);
        store_results<8>(p, sums, pixel, at.c);
    }
}

/// The same where channels are not in eights: in pairs.
template <class T> DEVICE void write_pairs(const AccumulateParams& p, const i32* from, Column& at) {
#pragma unroll 1
    for (i32 i = 0; i < 16; i += T::SUM_ROWS, at.pixel += T::SUM_ROWS, from += T::SUM_ROWS * T::SUM_STRIDE) {
        if (at.pixel >= at.end) continue;
#pragma unroll 1
        for (i32 k = 0; k < min_of(8, p.channels - at.c); k += 2) {
            const i32* pair = from + k / 4 * T::SUM_HALF + k % 4;
            const i32 c = at.c + k;
            GroupSums<2> sums;
            for (i32 j = 0; j < 2; j++) sums.acc[j] = wrapping_add(pair[j], p.bias[c + j]);
            write_group<2>(p, sums, at.pixel, c);
        }
    }
}

/// The sums of 16 pixels by `T::SUM_COLUMNS` channels into shared memory.
template <class T, int SCALE> DEVICE void store_sums(const i32 (*acc)[4], i32* sums, i32 lane) {
    i32* to = sums + (lane >> 2) * T::SUM_STRIDE + (lane >> 1 & 1) * T::SUM_HALF + (lane & 1) * 2;
#pragma unroll
    for (i32 i = 0; i < 2 * T::OCTETS; i++) {
        const i32(&pair)[4] = acc[i / 2];
        *(uint2*)(to + i % 2 * 8 * T::SUM_STRIDE + i / 2 * 4) =
            make_uint2(pair[i % 2 * 2] >> SCALE, pair[i % 2 * 2 + 1] >> SCALE);
    }
}

/// A block's sums become results, 16 pixels by `T::SUM_COLUMNS` channels of each warp at a time: through shared memory to
/// lanes that hold eight neighbouring channels, so that operands and results are vectors. The loops are not unrolled, so
/// that the code is there once and not for each register: the compiler would be at it for most of its time. They count by
/// one, or the compiler would put the sums into local memory.
template <class T, int WN, int SCALE>
DEVICE void write_tile(const AccumulateParams& p, typename T::Sums& acc, u8* shared, i32 m0, i32 n0, i32 lane) {
    i32* sums = (i32*)(shared + threadIdx.x / 32 * T::WARP_SUM_BYTES);
    // Eight lanes load at the same time: they take pixels whose sums lie in different banks.
    const i32 eight = lane / 8, octet = lane % T::OCTETS;
    const i32 row = lane % 8 / T::OCTETS * T::OCTETS + eight % T::OCTETS + eight / T::OCTETS * 8;
    const i32* from = sums + row * T::SUM_STRIDE + octet * 4;
#pragma unroll 1
    for (i32 side = 0; side < WN / T::SUM_COLUMNS; side++) {
        const i32 c = n0 + side * T::SUM_COLUMNS + octet * 8;
        Column at = {c, m0 + row, c < p.channels ? p.pixels : 0};
        uint4 identity = make_uint4(0, 0, 0, 0);
        if (p.residual && (p.channels & 7) == 0) identity = load_identity(p, at);
#pragma unroll 1
        for (i32 part = 0; part < T::MI; part++) {
            // The last part's sums were read.
            __syncwarp();
#pragma unroll
            for (i32 i = 0; i < T::MI * WN / T::SUM_COLUMNS; i++) {
                if (i % T::MI != part || i / T::MI != side) continue;
                store_sums<T, SCALE>(acc[i % T::MI] + i / T::MI * T::OCTETS, sums, lane);
            }
            __syncwarp();
            if (p.channels & 7) write_pairs<T>(p, from, at);
            else if (p.residual) write_column<T, true>(p, from, at, identity);
            else write_column<T, false>(p, from, at, identity);
        }
    }
}

/// What a lane multiplies. Sixteen rows further the chunks are exchanged in the same way.
template <class T> DEVICE Reads lane_reads(i32 warp_row, i32 warp_octet, i32 lane) {
    // Matrices: upper and lower eight pixels of the first chunk, then of the second.
    const i32 first = swizzled(warp_row + (lane & 15), lane >> 4);
    const i32 weights = T::PIXEL_BYTES + warp_octet * T::OCTET_BYTES + lane * (T::OCTET_BYTES / 32);
    return {{first, first ^ 2 << 4}, weights};
}

/// Whether a thread has an `i`-th chunk of a slab's weights.
template <class T> DEVICE bool has_weights(i32 i) {
    return (i + 1) * T::THREADS * 16 <= T::WEIGHT_BYTES || (threadIdx.x + i * T::THREADS) * 16 < T::WEIGHT_BYTES;
}

/// The stage behind `stage` of `STAGES`, as bytes from the first.
template <class T, int STAGES> DEVICE i32 next_stage(i32 stage) {
    return stage == (STAGES - 1) * T::STAGE_BYTES ? 0 : stage + T::STAGE_BYTES;
}

#if ARCH >= 800
/// The depth in `STAGES` rotating buffers, filled by asynchronous copies while earlier slabs are multiplied.
template <class T, int PRODUCT, int STAGES>
DEVICE void sum_async(const AccumulateParams& p, typename T::Sums& acc, u8* shared, i32 m0, const u8* weights,
                      i64 slab_bytes, i32 warp_row, i32 warp_octet, i32 lane) {
    const i32 chunk = threadIdx.x % CHUNKS, row = threadIdx.x / CHUNKS;
    Rows<T::ROWS> rows;
    find_rows<T::ROWS, T::STEP>(p, m0 + row, rows);
    u8* const pixels_to = shared + swizzled(row, chunk);
    u8* const weights_to = shared + T::PIXEL_BYTES + threadIdx.x * 16;
    const u8* weights_from = weights + threadIdx.x * 16;
    int4 tap = p.taps[chunk];
    i32 filled = 0;
    auto start = [&](i32 slab) {
        if (slab < p.slabs) {
            copy_rows<T::ROWS, T::STEP>(p, rows, tap, pixels_to + filled);
#pragma unroll
            for (i32 i = 0; i < T::WEIGHT_CHUNKS; i++) {
                const i32 at = i * T::THREADS * 16;
                if (has_weights<T>(i)) copy_async(weights_to + filled + at, weights_from + at);
            }
            weights_from += slab_bytes;
            filled = next_stage<T, STAGES>(filled);
            // A slab ahead, so that no address waits for it.
            if (slab + 1 < p.slabs) tap = p.taps[(slab + 1) * CHUNKS + chunk];
        }
        // Empty groups at the end keep the count of pending groups constant.
        copy_commit();
    };
    const Reads reads = lane_reads<T>(warp_row, warp_octet, lane);
#pragma unroll
    for (i32 slab = 0; slab < STAGES - 1; slab++) start(slab);
    i32 stage = 0;
    for (i32 slab = 0; slab < p.slabs; slab++) {
        copy_wait<STAGES - 2>();
        __syncthreads();
        // The buffer that is filled now was read before the barrier.
        start(slab + STAGES - 1);
        u32 b[T::NI][4];
        slab_weights<PRODUCT, T::NI>(shared + stage + reads.weights, b);
        multiply_half<PRODUCT, 0, T::MI, T::NI>(acc, shared + stage, reads, b);
        multiply_half<PRODUCT, 1, T::MI, T::NI>(acc, shared + stage, reads, b);
        stage = next_stage<T, STAGES>(stage);
    }
    copy_wait<0>();
}
#endif

/// The depth in two buffers: a slab is on its way through registers while the one before is multiplied. Pixels and
/// weights go one after the other, which takes fewer registers.
template <class T, int LOADER, int PRODUCT>
DEVICE void sum_by_registers(const AccumulateParams& p, typename T::Sums& acc, u8* shared, i32 m0, const u8* weights,
                             i64 slab_bytes, i32 warp_row, i32 warp_octet, i32 lane) {
    const i32 chunk = threadIdx.x % CHUNKS, row = threadIdx.x / CHUNKS;
    Rows<T::ROWS> rows;
    find_rows<T::ROWS, T::STEP>(p, m0 + row, rows);
    u8* const pixels_to = shared + swizzled(row, chunk);
    u8* const weights_to = shared + T::PIXEL_BYTES + threadIdx.x * 16;
    const u8* weights_from = weights + threadIdx.x * 16;
    uint4 a[T::ROWS], w[T::WEIGHT_CHUNKS];
    auto load_pixels = [&](i32 slab) {
        if (LOADER == GATHER) {
            gather<T::ROWS>(p, rows, p.taps + (slab * CHUNKS + chunk) * 16, a);
        } else {
            fetch<LOADER, T::ROWS>(p, rows, p.taps[slab * CHUNKS + chunk], a);
        }
    };
    auto store_pixels = [&](i32 stage) {
#pragma unroll
        for (i32 i = 0; i < T::ROWS; i++) *(uint4*)(pixels_to + stage + i * T::STEP * SLAB_BYTES) = a[i];
    };
    auto load_weights = [&]() {
#pragma unroll
        for (i32 i = 0; i < T::WEIGHT_CHUNKS; i++) {
            if (has_weights<T>(i)) w[i] = *(const uint4*)(weights_from + i * T::THREADS * 16);
        }
        weights_from += slab_bytes;
    };
    auto store_weights = [&](i32 stage) {
#pragma unroll
        for (i32 i = 0; i < T::WEIGHT_CHUNKS; i++) {
            if (has_weights<T>(i)) *(uint4*)(weights_to + stage + i * T::THREADS * 16) = w[i];
        }
    };
    const Reads reads = lane_reads<T>(warp_row, warp_octet, lane);
    load_pixels(0);
    load_weights();
    store_pixels(0);
    store_weights(0);
    __syncthreads();
    i32 stage = 0;
    for (i32 slab = 0; slab < p.slabs; slab++) {
        const bool more = slab + 1 < p.slabs;
        // The other buffer was read before the last barrier.
        const i32 other = next_stage<T, 2>(stage);
        if (more) load_pixels(slab + 1);
        u32 b[T::NI][4];
        slab_weights<PRODUCT, T::NI>(shared + stage + reads.weights, b);
        multiply_half<PRODUCT, 0, T::MI, T::NI>(acc, shared + stage, reads, b);
        if (more) {
            store_pixels(other);
            load_weights();
        }
        multiply_half<PRODUCT, 1, T::MI, T::NI>(acc, shared + stage, reads, b);
        if (more) store_weights(other);
        __syncthreads();
        stage = other;
    }
}

template <int LOADER, int PRODUCT, int BM, int BN, int WM, int WN> DEVICE void conv(const AccumulateParams& p) {
    typedef Tile<LOADER, PRODUCT, BM, BN, WM, WN> T;
    SHARED_BYTES(shared);
    // Neighbouring blocks share their pixels, so that these come from the cache.
    const i32 column_tiles = (p.channels + BN - 1) / BN;
    const i32 tile = blockIdx.x / p.splits, split = blockIdx.x % p.splits;
    const i32 m0 = tile / column_tiles * BM, n0 = tile % column_tiles * BN;
    const i32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const i32 warp_row = warp % (BM / WM) * WM, warp_column = warp / (BM / WM) * WN;
    const i64 slab_bytes = (i64)p.octets * T::OCTET_BYTES;
    const AccumulateParams part = part_of(p, split, LOADER == GATHER ? SLAB_BYTES : CHUNKS);
    const u8* weights = p.weights + (i64)(n0 / 8) * T::OCTET_BYTES + split * p.split_slabs * slab_bytes;
    typename T::Sums acc;
#pragma unroll
    for (i32 mi = 0; mi < T::MI; mi++) {
#pragma unroll
        for (i32 ni = 0; ni < T::NI; ni++) {
#pragma unroll
            for (i32 i = 0; i < 4; i++) acc[mi][ni][i] = 0;
        }
    }
#if ARCH >= 800
    if (LOADER == COPY) {
        sum_async<T, PRODUCT, 3>(part, acc, shared, m0, weights, slab_bytes, warp_row, warp_column / 8, lane);
    } else
#endif
    sum_by_registers<T, LOADER, PRODUCT>(part, acc, shared, m0, weights, slab_bytes, warp_row, warp_column / 8, lane);
    if (p.splits > 1 && !join_splits<T::THREADS, T::MI, T::NI>(p, acc, tile, split)) return;
    __syncthreads();
    write_tile<T, WN, LaneWeights<PRODUCT>::SCALE>(p, acc, shared, m0 + warp_row, n0 + warp_column, lane);
}

#define CONV(name, LOADER, PRODUCT, BM, BN, WM, WN)                            \
    ENTRY(conv_##name##_##BM##x##BN, (BM / WM) * (BN / WN) * 32, AccumulateParams, \
          (conv<LOADER, PRODUCT, BM, BN, WM, WN>(p)))

// The host asks for one family at a time: compiling all of them takes a while.
#define CONV_TILES(name, LOADER, PRODUCT)            \
    CONV(name, LOADER, PRODUCT, 128, 128, 64, 64)    \
    CONV(name, LOADER, PRODUCT, 128, 64, 64, 32)     \
    CONV(name, LOADER, PRODUCT, 64, 64, 32, 32)      \
    CONV(name, LOADER, PRODUCT, 64, 32, 32, 16)

#ifdef FAMILY_BYTES
CONV_TILES(bytes, COPY, BYTES)
#endif
#ifdef FAMILY_BYTES_NIBBLES
CONV_TILES(bytes_nibbles, COPY, BYTES_NIBBLES)
#endif
#ifdef FAMILY_BYTES_PAIRS
CONV_TILES(bytes_pairs, COPY, BYTES_PAIRS)
#endif
#ifdef FAMILY_NIBBLES
CONV_TILES(nibbles, COPY, NIBBLES)
#endif
#ifdef FAMILY_GATHER
CONV_TILES(gather, GATHER, BYTES)
#endif
#ifdef FAMILY_UNPACK
CONV_TILES(unpack, UNPACK, BYTES)
#endif
