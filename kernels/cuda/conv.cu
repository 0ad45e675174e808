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
    /// Words of a pixel's sums in shared memory: eight more than there are keep the lanes' stores in different banks.
    static const i32 SUM_STRIDE = WN + 8;
    static const i32 WARP_SUM_BYTES = 16 * SUM_STRIDE * 4;
    static_assert(THREADS / 32 * WARP_SUM_BYTES <= 2 * STAGE_BYTES, "sums take the place of two stages");
};

/// Requantises `G` sums, to which the bias is added here.
template <int G> DEVICE void write_sums(const AccumulateParams& p, const i32* sums, i32 pixel, i32 c) {
    i32 acc[G];
#pragma unroll
    for (i32 i = 0; i < G; i++) acc[i] = wrapping_add(sums[i], p.bias[c + i]);
    write_group<G>(p, acc, pixel, c);
}

/// Requantises the sums of eight neighbouring channels of a pixel.
DEVICE void write_octet(const AccumulateParams& p, const i32* sums, i32 pixel, i32 c) {
    if (pixel >= p.pixels || c >= p.channels) return;
    if ((p.channels & 7) == 0) {
        write_sums<8>(p, sums, pixel, c);
    } else {
#pragma unroll 1
        for (i32 i = 0; i < min_of(8, p.channels - c); i += 2) write_sums<2>(p, sums + i, pixel, c + i);
    }
}

/// A block's sums become results, 16 pixels by `WN` channels of each warp at a time: through shared memory to lanes that
/// hold eight neighbouring channels, so that operands and results are vectors. The loop over the parts is not unrolled, so
/// that the code is there once and not for each register: the compiler would be at it for most of its time.
template <class T, int WN, int SCALE>
DEVICE void write_tile(const AccumulateParams& p, typename T::Sums& acc, u8* shared, i32 m0, i32 n0, i32 lane) {
    i32* sums = (i32*)(shared + threadIdx.x / 32 * T::WARP_SUM_BYTES);
#pragma unroll 1
    for (i32 part = 0; part < T::MI; part++) {
        // The last part's sums were read.
        __syncwarp();
#pragma unroll
        for (i32 mi = 0; mi < T::MI; mi++) {
            if (mi != part) continue;
#pragma unroll
            for (i32 i = 0; i < 2 * T::NI; i++) {
                const i32 row = i % 2 * 8 + (lane >> 2), column = i / 2 * 8 + (lane & 3) * 2;
                const i32(&pair)[4] = acc[mi][i / 2];
                *(uint2*)(sums + row * T::SUM_STRIDE + column) =
                    make_uint2(pair[i % 2 * 2] >> SCALE, pair[i % 2 * 2 + 1] >> SCALE);
            }
        }
        __syncwarp();
#pragma unroll 1
        for (i32 i = lane; i < 16 * WN / 8; i += 32) {
            const i32 row = i / (WN / 8), column = i % (WN / 8) * 8;
            write_octet(p, sums + row * T::SUM_STRIDE + column, m0 + part * 16 + row, n0 + column);
        }
    }
}

#if ARCH >= 800
/// The depth in `STAGES` rotating buffers, filled by asynchronous copies while earlier slabs are multiplied.
template <class T, int PRODUCT, int STAGES>
DEVICE void sum_async(const AccumulateParams& p, typename T::Sums& acc, u8* shared, i32 m0, const u8* weights,
                      i64 slab_bytes, i32 warp_row, i32 warp_octet, i32 lane) {
    const i32 chunk = threadIdx.x % CHUNKS, row = threadIdx.x / CHUNKS;
    Rows<T::ROWS> rows;
    find_rows<T::ROWS, T::STEP>(p, m0 + row, rows);
    auto start = [&](i32 slab) {
        if (slab < p.slabs) {
            u8* stage = shared + slab % STAGES * T::STAGE_BYTES;
            copy_rows<T::ROWS, T::STEP>(p, rows, slab, row, chunk, stage);
            for (i32 at = threadIdx.x * 16; at < T::WEIGHT_BYTES; at += T::THREADS * 16) {
                copy_async(stage + T::PIXEL_BYTES + at, weights + slab * slab_bytes + at);
            }
        }
        // Empty groups at the end keep the count of pending groups constant.
        copy_commit();
    };
    for (i32 slab = 0; slab < STAGES - 1; slab++) start(slab);
    for (i32 slab = 0; slab < p.slabs; slab++) {
        copy_wait<STAGES - 2>();
        __syncthreads();
        // The buffer that is filled now was read before the barrier.
        start(slab + STAGES - 1);
        const u8* stage = shared + slab % STAGES * T::STAGE_BYTES;
        multiply_slab<PRODUCT, T::MI, T::NI>(acc, stage, stage + T::PIXEL_BYTES + warp_octet * T::OCTET_BYTES,
                                             warp_row, lane);
    }
    copy_wait<0>();
}
#endif

/// The depth in two buffers: a slab is on its way through registers while the one before is multiplied.
template <class T, int LOADER, int PRODUCT>
DEVICE void sum_by_registers(const AccumulateParams& p, typename T::Sums& acc, u8* shared, i32 m0, const u8* weights,
                             i64 slab_bytes, i32 warp_row, i32 warp_octet, i32 lane) {
    const i32 chunk = threadIdx.x % CHUNKS, row = threadIdx.x / CHUNKS;
    Rows<T::ROWS> rows;
    find_rows<T::ROWS, T::STEP>(p, m0 + row, rows);
    uint4 a[T::ROWS], b[T::WEIGHT_CHUNKS];
    auto load = [&](i32 slab) {
        fetch<LOADER, T::ROWS>(p, rows, slab, chunk, a);
#pragma unroll
        for (i32 i = 0; i < T::WEIGHT_CHUNKS; i++) {
            const i32 at = (threadIdx.x + i * T::THREADS) * 16;
            if (at < T::WEIGHT_BYTES) b[i] = *(const uint4*)(weights + slab * slab_bytes + at);
        }
    };
    auto store = [&](i32 slab) {
        u8* stage = shared + (slab & 1) * T::STAGE_BYTES;
#pragma unroll
        for (i32 i = 0; i < T::ROWS; i++) *(uint4*)(stage + swizzled(row + i * T::STEP, chunk)) = a[i];
#pragma unroll
        for (i32 i = 0; i < T::WEIGHT_CHUNKS; i++) {
            const i32 at = (threadIdx.x + i * T::THREADS) * 16;
            if (at < T::WEIGHT_BYTES) *(uint4*)(stage + T::PIXEL_BYTES + at) = b[i];
        }
    };
    load(0);
    store(0);
    __syncthreads();
    for (i32 slab = 0; slab < p.slabs; slab++) {
        if (slab + 1 < p.slabs) load(slab + 1);
        const u8* stage = shared + (slab & 1) * T::STAGE_BYTES;
        multiply_slab<PRODUCT, T::MI, T::NI>(acc, stage, stage + T::PIXEL_BYTES + warp_octet * T::OCTET_BYTES,
                                             warp_row, lane);
        // The other buffer was read before the last barrier.
        if (slab + 1 < p.slabs) store(slab + 1);
        __syncthreads();
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
    CONV(name, LOADER, PRODUCT, 128, 128, 64, 32)    \
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
