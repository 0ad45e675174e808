//! The instructions that C++ has no name for. `emulate/warp.h` defines the same functions for a processor.
#pragma once

// Accumulators wrap: no `.satfinite` (docs/numerics.md).

#if ARCH >= 800
/// d += a * b, 16 by 8 results, 32 signed bytes deep (PTX ISA, mma.m16n8k32).
DEVICE void mma_m16n8k32_s8(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// d += a * b, 16 by 8 results, 64 deep: unsigned nibbles times signed nibbles (PTX ISA, mma.m16n8k64).
DEVICE void mma_m16n8k64_u4_s4(i32 (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k64.row.col.s32.u4.s4.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Starts a copy of 16 bytes from global to shared memory.
DEVICE void copy_async(void* shared, const void* global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :: "r"((u32)__cvta_generic_to_shared(shared)), "l"(global) : "memory");
}

/// Closes the group of copies started since the last call.
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `PENDING` of the newest groups are unfinished.
template <int PENDING> DEVICE void copy_wait() {
    asm volatile("cp.async.wait_group %0;" :: "n"(PENDING) : "memory");
}
#else
/// d += a * b, 8 by 8 results, 16 signed bytes deep (PTX ISA, mma.m8n8k16).
DEVICE void mma_m8n8k16_s8(i32& d0, i32& d1, u32 a, u32 b) {
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
                 : "+r"(d0), "+r"(d1) : "r"(a), "r"(b));
}

/// d += a * b, 8 by 8 results, 32 deep: unsigned nibbles times signed nibbles (PTX ISA, mma.m8n8k32).
DEVICE void mma_m8n8k32_u4_s4(i32& d0, i32& d1, u32 a, u32 b) {
    asm volatile("mma.sync.aligned.m8n8k32.row.col.s32.u4.s4.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
                 : "+r"(d0), "+r"(d1) : "r"(a), "r"(b));
}
#endif

/// Four 8-by-16-byte matrices; lane i gives the address of row i % 8 of matrix i / 8 (PTX ISA, ldmatrix.x4).
DEVICE void load_matrices(u32 (&d)[4], const void* shared) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"((u32)__cvta_generic_to_shared(shared)) : "memory");
}
