//! A tile whose depth is split over several blocks: each sums its slabs, and the last one to come adds all of it up.
//!
//! Small batches have fewer tiles than a GPU has multiprocessors. Integer sums wrap, so their order changes nothing.
#pragma once
#include "tile.cuh"

/// The part of the depth that split number `split` sums, as parameters of a whole product.
DEVICE AccumulateParams part_of(const AccumulateParams& p, i32 split, i32 taps_of_slab) {
    AccumulateParams part = p;
    const i32 first = split * p.split_slabs;
    part.taps += (i64)first * taps_of_slab;
    part.slabs = min_of(p.split_slabs, p.slabs - first);
    return part;
}

/// Puts this block's sums down; true for the last block of the tile, whose sums are then those of all.
///
/// A thread adds up what the same thread of the other blocks put down, so the order in memory is that of threads.
template <int THREADS, int MI, int NI>
DEVICE bool join_splits(const AccumulateParams& p, i32 (&acc)[MI][NI][4], i32 tile, i32 split) {
    const i64 sums = (i64)MI * NI * THREADS;
    int4* all = (int4*)p.partial + (i64)tile * p.splits * sums + threadIdx.x;
#pragma unroll
    for (i32 i = 0; i < MI * NI; i++) {
        const i32(&quad)[4] = acc[i / NI][i % NI];
        all[split * sums + i * THREADS] = make_int4(quad[0], quad[1], quad[2], quad[3]);
    }
    // Every thread's sums are visible before its block is counted.
    __threadfence();
    __syncthreads();
    const bool is_last =
        __syncthreads_or(threadIdx.x == 0 && atomicAdd(p.arrivals + tile, 1u) == (u32)p.splits - 1);
    if (!is_last) return false;
    __threadfence();
    if (threadIdx.x == 0) p.arrivals[tile] = 0;
#pragma unroll 1
    for (i32 other = 0; other < p.splits; other++) {
        if (other == split) continue;
#pragma unroll
        for (i32 i = 0; i < MI * NI; i++) {
            // Not from the first cache, which does not see other multiprocessors' writes.
            const int4 quad = __ldcg(all + other * sums + i * THREADS);
            i32(&sum)[4] = acc[i / NI][i % NI];
            sum[0] = wrapping_add(sum[0], quad.x);
            sum[1] = wrapping_add(sum[1], quad.y);
            sum[2] = wrapping_add(sum[2], quad.z);
            sum[3] = wrapping_add(sum[3], quad.w);
        }
    }
    return true;
}
