//! The one arithmetic (docs/numerics.md): requantisation and saturation, as kernels/src/numerics.rs defines them.
#pragma once
#include "platform.cuh"

// Sums and products that may wrap go through unsigned words: signed overflow is undefined in C++.
DEVICE i32 wrapping_add(i32 a, i32 b) { return (i32)((u32)a + (u32)b); }
DEVICE i32 wrapping_mul(i32 a, i32 b) { return (i32)((u32)a * (u32)b); }

DEVICE i32 clamp(i32 value, i32 lo, i32 hi) { return max_of(lo, min_of(value, hi)); }
DEVICE i32 clamp_long(i64 value, i32 lo, i32 hi) { return value < lo ? lo : value > hi ? hi : (i32)value; }

// A shift of 32 or more leaves only the high word. `HIGH` says so, so that the question is asked once for many values.

/// clamp((acc * multiplier) >> shift): the 64-bit product, floored.
template <bool HIGH> DEVICE i32 requantize(i32 acc, i32 multiplier, i32 shift, i32 lo, i32 hi) {
    if (HIGH) return clamp(__mulhi(acc, multiplier) >> (shift - 32), lo, hi);
    return clamp_long((i64)acc * multiplier >> shift, lo, hi);
}

/// clamp((acc * multiplier + other * other_multiplier) >> shift): one 64-bit sum, one rounding.
template <bool HIGH>
DEVICE i32 requantize_sum(i32 acc, i32 multiplier, i32 other, i32 other_multiplier, i32 shift, i32 lo, i32 hi) {
    const i64 sum = (i64)((u64)((i64)acc * multiplier) + (u64)((i64)other * other_multiplier));
    if (HIGH) return clamp((i32)(sum >> 32) >> (shift - 32), lo, hi);
    return clamp_long(sum >> shift, lo, hi);
}

/// clamp((value * multiplier + offset) >> shift) in wrapping 32-bit arithmetic.
DEVICE i32 rescale(i32 value, i32 multiplier, i32 offset, i32 shift, i32 lo, i32 hi) {
    return clamp(wrapping_add(wrapping_mul(value, multiplier), offset) >> shift, lo, hi);
}
