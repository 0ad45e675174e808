//! A GPU block on a processor: every thread is a fibre with a stack of its own, warp instructions wait for their
//! 32 lanes, barriers for the block. One file, included instead of `ptx.cuh`.
//!
//! Fragment layouts are written from the tables of the PTX ISA ("Matrix Fragments for mma.m16n8k32" and the like): which
//! lane and register holds which element. They know nothing of the kernels' index arithmetic, so that a wrong index there
//! gives a wrong result here. Shared memory is poisoned before each block and checked at each access; asynchronous copies
//! arrive as late as the waits allow; the order of the fibres and of the blocks is shuffled.
#pragma once
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <map>
#include <string>
#include <vector>

#define DEVICE inline
#define SHARED_BYTES(name) u8* name = emulate::shared
#define ENTRY(name, threads, Params, body)                                    \
    static void name(const void* q) { const Params& p = *(const Params*)q; body; } \
    static emulate::Register register_##name(#name, name, threads, sizeof(Params));

struct uint2 { u32 x, y; } __attribute__((aligned(8)));
struct uint4 { u32 x, y, z, w; } __attribute__((aligned(16)));
struct int4 { i32 x, y, z, w; } __attribute__((aligned(16)));
static inline uint2 make_uint2(u32 x, u32 y) { return {x, y}; }
static inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }
static inline int4 make_int4(i32 x, i32 y, i32 z, i32 w) { return {x, y, z, w}; }

namespace emulate {

[[noreturn]] inline void fail(const char* what) {
    fprintf(stderr, "emulated GPU: %s\n", what);
    abort();
}

struct Index { u32 x; };

const u32 LANES = 32, STACK = 256 * 1024, SHARED_LIMIT = 48 * 1024;

/// A copy that was started and has not arrived.
struct Copy { u8* to; const u8* from; u32 group; };

struct Fibre {
    jmp_buf state;
    ucontext_t first;
    std::vector<char> stack;
    bool started, done;
    Index thread;
    std::vector<Copy> copies;
    u32 open_group;
};

/// What the lanes of a warp hand to an instruction and get back.
struct Warp {
    u32 arrived, generation;
    u32 in[LANES][8];
    const u8* address[LANES];
    i32 out[LANES][4];
};

typedef void (*Kernel)(const void*);
struct Entry { Kernel kernel; u32 threads; u64 params; };
inline std::map<std::string, Entry>& entries() {
    static std::map<std::string, Entry> all;
    return all;
}
struct Register {
    Register(const char* name, Kernel kernel, u32 threads, u64 params) { entries()[name] = {kernel, threads, params}; }
};

static std::vector<Fibre> fibres;
static std::vector<Warp> warps;
static u32 current, alive, barrier_arrived, barrier_generation, barrier_or, shuffle;
static jmp_buf scheduler;
static Kernel running;
static const void* params;
static u8* shared;
static u32 shared_bytes;
static Index block, block_size;

/// Lets the others run; an instruction calls it until all have arrived.
inline void yield() {
    if (_setjmp(fibres[current].state) == 0) _longjmp(scheduler, 1);
}

inline void body() {
    running(params);
    fibres[current].done = true;
    alive--;
    _longjmp(scheduler, 1);
}

inline void switch_to(u32 index) {
    current = index;
    if (_setjmp(scheduler) != 0) return;
    Fibre& fibre = fibres[index];
    if (fibre.started) _longjmp(fibre.state, 1);
    fibre.started = true;
    setcontext(&fibre.first);
}

inline u32 random_below(u32 count) {
    shuffle = shuffle * 1664525u + 1013904223u;
    return (shuffle >> 8) % count;
}

inline void run_block() {
    const u32 threads = block_size.x;
    if (fibres.size() < threads) fibres.resize(threads);
    warps.assign((threads + LANES - 1) / LANES, Warp());
    alive = threads;
    barrier_arrived = barrier_generation = 0;
    memset(shared, 0xa5, shared_bytes);
    for (u32 i = 0; i < threads; i++) {
        Fibre& fibre = fibres[i];
        fibre.stack.resize(STACK);
        fibre.started = fibre.done = false;
        fibre.thread.x = i;
        fibre.copies.clear();
        fibre.open_group = 0;
        getcontext(&fibre.first);
        fibre.first.uc_stack.ss_sp = fibre.stack.data();
        fibre.first.uc_stack.ss_size = STACK;
        fibre.first.uc_link = nullptr;
        makecontext(&fibre.first, body, 0);
    }
    u32 idle_rounds = 0;
    while (alive > 0) {
        const u32 before = alive, generation = barrier_generation;
        u32 warp_generations = 0;
        for (const Warp& warp : warps) warp_generations += warp.generation;
        const u32 start = random_below(threads);
        for (u32 i = 0; i < threads; i++) {
            const u32 index = (start + i) % threads;
            if (!fibres[index].done) switch_to(index);
        }
        u32 now = 0;
        for (const Warp& warp : warps) now += warp.generation;
        const bool moved = alive != before || generation != barrier_generation || now != warp_generations;
        idle_rounds = moved ? 0 : idle_rounds + 1;
        if (idle_rounds > 4) fail("threads wait for each other for ever: a barrier or warp instruction in a branch");
    }
    for (u32 i = 0; i < threads; i++) {
        if (!fibres[i].copies.empty()) fail("a thread ended before its asynchronous copies arrived");
    }
}

inline Warp& my_warp() { return warps[current / LANES]; }

/// Waits for the 32 lanes; the last one computes for all.
template <class Compute> void together(Compute compute) {
    Warp& warp = my_warp();
    const u32 generation = warp.generation;
    if (++warp.arrived == LANES) {
        compute(warp);
        warp.arrived = 0;
        warp.generation++;
    }
    while (warp.generation == generation) yield();
}

inline void check_shared(const u8* at, u32 bytes) {
    if (at < shared || at + bytes > shared + shared_bytes) fail("an access outside shared memory");
    if ((u64)at % bytes != 0) fail("a misaligned access of shared memory");
}

/// Element `i` of `bits` bits, signed or not, of registers.
inline i32 element(const u32* registers, u32 i, u32 bits, bool is_signed) {
    const u32 per = 32 / bits, raw = registers[i / per] >> (i % per * bits) & ((1u << bits) - 1);
    return is_signed && raw >> (bits - 1) ? (i32)(raw - (1u << bits)) : (i32)raw;
}

/// mma.m16n8k32 for bytes, mma.m16n8k64 for nibbles. Registers: 0 to 3 are A, 4 and 5 are B.
///
/// PTX ISA, with groupID = lane / 4, threadID_in_group = lane % 4, e elements in a register (4 or 8):
/// A: row = groupID in registers 0 and 2, groupID + 8 in 1 and 3; column = threadID_in_group * e + (i mod e), and half of
/// the depth further in registers 2 and 3. B: row as A's column, half further in the second register; column = groupID.
/// C and D: row = groupID for i < 2, else groupID + 8; column = threadID_in_group * 2 + (i & 1).
inline void mma_16(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, u32 bits, bool a_signed) {
    Warp& warp = my_warp();
    const u32 lane = current % LANES;
    for (u32 i = 0; i < 4; i++) warp.in[lane][i] = a[i];
    warp.in[lane][4] = b0;
    warp.in[lane][5] = b1;
    together([&](Warp& warp) {
        const u32 e = 32 / bits, depth = 8 * e;
        static i32 A[16][64], B[64][8];
        for (u32 lane = 0; lane < LANES; lane++) {
            const u32 group = lane / 4, thread = lane % 4;
            for (u32 i = 0; i < 4 * e; i++) {
                const u32 reg = i / e;
                const u32 row = reg == 0 || reg == 2 ? group : group + 8;
                const u32 column = thread * e + i % e + (reg >= 2 ? depth / 2 : 0);
                A[row][column] = element(warp.in[lane], i, bits, a_signed);
            }
            for (u32 i = 0; i < 2 * e; i++) {
                B[thread * e + i % e + (i >= e ? depth / 2 : 0)][group] = element(warp.in[lane] + 4, i, bits, true);
            }
        }
        for (u32 lane = 0; lane < LANES; lane++) {
            for (u32 i = 0; i < 4; i++) {
                const u32 row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
                u32 sum = 0;
                for (u32 k = 0; k < depth; k++) sum += (u32)(A[row][k] * B[k][column]);
                warp.out[lane][i] = (i32)sum;
            }
        }
    });
    for (u32 i = 0; i < 4; i++) d[i] = (i32)((u32)d[i] + (u32)warp.out[lane][i]);
}

/// mma.m8n8k16 for bytes, mma.m8n8k32 for nibbles.
///
/// PTX ISA: A: row = groupID, column = threadID_in_group * e + i. B: row = threadID_in_group * e + i, column = groupID.
/// C and D: row = groupID, column = threadID_in_group * 2 + i.
inline void mma_8(i32& d0, i32& d1, u32 a, u32 b, u32 bits, bool a_signed) {
    Warp& warp = my_warp();
    const u32 lane = current % LANES;
    warp.in[lane][0] = a;
    warp.in[lane][1] = b;
    together([&](Warp& warp) {
        const u32 e = 32 / bits, depth = 4 * e;
        static i32 A[8][32], B[32][8];
        for (u32 lane = 0; lane < LANES; lane++) {
            for (u32 i = 0; i < e; i++) {
                A[lane / 4][lane % 4 * e + i] = element(warp.in[lane], i, bits, a_signed);
                B[lane % 4 * e + i][lane / 4] = element(warp.in[lane] + 1, i, bits, true);
            }
        }
        for (u32 lane = 0; lane < LANES; lane++) {
            for (u32 i = 0; i < 2; i++) {
                u32 sum = 0;
                for (u32 k = 0; k < depth; k++) sum += (u32)(A[lane / 4][k] * B[k][lane % 4 * 2 + i]);
                warp.out[lane][i] = (i32)sum;
            }
        }
    });
    d0 = (i32)((u32)d0 + (u32)warp.out[lane][0]);
    d1 = (i32)((u32)d1 + (u32)warp.out[lane][1]);
}

}  // namespace emulate

#define threadIdx (emulate::fibres[emulate::current].thread)
#define blockIdx emulate::block
#define blockDim emulate::block_size

#if ARCH >= 800
inline void mma_m16n8k32_s8(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) { emulate::mma_16(d, a, b0, b1, 8, true); }
inline void mma_m16n8k64_u4_s4(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    emulate::mma_16(d, a, b0, b1, 4, false);
}

inline void copy_async(void* shared, const void* global) {
    emulate::check_shared((u8*)shared, 16);
    if ((u64)global % 16 != 0) emulate::fail("a misaligned asynchronous copy");
    emulate::Fibre& fibre = emulate::fibres[emulate::current];
    fibre.copies.push_back({(u8*)shared, (const u8*)global, fibre.open_group});
}

inline void copy_commit() { emulate::fibres[emulate::current].open_group++; }

template <int PENDING> void copy_wait() {
    emulate::Fibre& fibre = emulate::fibres[emulate::current];
    std::vector<emulate::Copy> later;
    for (const emulate::Copy& copy : fibre.copies) {
        if (copy.group + PENDING < fibre.open_group) memcpy(copy.to, copy.from, 16);
        else later.push_back(copy);
    }
    fibre.copies = later;
}
#else
inline void mma_m8n8k16_s8(i32& d0, i32& d1, u32 a, u32 b) { emulate::mma_8(d0, d1, a, b, 8, true); }
inline void mma_m8n8k32_u4_s4(i32& d0, i32& d1, u32 a, u32 b) { emulate::mma_8(d0, d1, a, b, 4, false); }
#endif

/// PTX ISA, ldmatrix: lanes 8 m to 8 m + 7 give the rows of matrix m; lane l gets bytes 4 (l % 4) of row l / 4.
inline void load_matrices(u32 (&d)[4], const void* shared) {
    emulate::check_shared((const u8*)shared, 16);
    const u32 lane = emulate::current % emulate::LANES;
    emulate::my_warp().address[lane] = (const u8*)shared;
    emulate::together([](emulate::Warp& warp) {
        for (u32 lane = 0; lane < emulate::LANES; lane++) {
            for (u32 matrix = 0; matrix < 4; matrix++) {
                memcpy(&warp.out[lane][matrix], warp.address[matrix * 8 + lane / 4] + lane % 4 * 4, 4);
            }
        }
    });
    for (u32 i = 0; i < 4; i++) d[i] = (u32)emulate::my_warp().out[lane][i];
}

inline void __syncwarp() {
    emulate::together([](emulate::Warp&) {});
}

inline void __syncthreads() {
    const u32 generation = emulate::barrier_generation;
    if (++emulate::barrier_arrived == emulate::alive) {
        emulate::barrier_arrived = 0;
        emulate::barrier_generation++;
    }
    while (emulate::barrier_generation == generation) emulate::yield();
}

/// True for all when it is for one.
inline int __syncthreads_or(int value) {
    static u32 result;
    if (emulate::barrier_arrived == 0) emulate::barrier_or = 0;
    emulate::barrier_or |= value != 0;
    if (emulate::barrier_arrived + 1 == emulate::alive) result = emulate::barrier_or;
    __syncthreads();
    return (int)result;
}

inline u32 atomicAdd(u32* at, u32 value) {
    const u32 before = *at;
    *at = before + value;
    return before;
}

// Blocks run one after the other here, so that memory is always what was written.
inline void __threadfence() {}
template <class T> T __ldcg(const T* at) { return *at; }

inline i32 __mulhi(i32 a, i32 b) { return (i32)((i64)a * b >> 32); }

inline i32 __dp4a(i32 a, i32 b, i32 c) {
    u32 sum = (u32)c;
    for (u32 i = 0; i < 4; i++) sum += (u32)((i8)(a >> 8 * i) * (i8)(b >> 8 * i));
    return (i32)sum;
}

/// Byte i of the result is the byte of {y, x} that nibble i of the selector names.
inline u32 __byte_perm(u32 x, u32 y, u32 selector) {
    const u64 bytes = (u64)y << 32 | x;
    u32 result = 0;
    for (u32 i = 0; i < 4; i++) result |= (u32)(bytes >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
    return result;
}

namespace emulate {

/// Runs a kernel block by block; false where the launch does not fit it.
inline bool launch(const Entry& entry, u32 grid, u32 threads, u32 bytes, const void* arguments) {
    if (entry.threads < threads || bytes > SHARED_LIMIT) return false;
    std::vector<uint4> memory(SHARED_LIMIT / 16);
    shared = (u8*)memory.data();
    shared_bytes = bytes;
    running = entry.kernel;
    params = arguments;
    block_size.x = threads;
    std::vector<u32> order(grid);
    for (u32 i = 0; i < grid; i++) {
        const u32 other = random_below(i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (const u32 index : order) {
        block.x = index;
        run_block();
    }
    return true;
}

}  // namespace emulate

/// Runs a kernel; 0, or 1 when there is none of the name, 2 when the launch does not fit it.
extern "C" __attribute__((visibility("default"))) int emulate_launch(const char* name, u32 grid, u32 threads,
                                                                     u32 shared_bytes, const void* params, u64 bytes) {
    const auto found = emulate::entries().find(name);
    if (found == emulate::entries().end()) return 1;
    const bool fits = found->second.params == bytes;
    return fits && emulate::launch(found->second, grid, threads, shared_bytes, params) ? 0 : 2;
}
