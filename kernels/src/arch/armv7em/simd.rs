//! The DSP instructions that the kernels are made of, each as the instruction on a core that has it and as
//! portable arithmetic elsewhere. A word is two 16-bit or four 8-bit lanes, the first one lowest.

/// One shim: its documentation, name, operands, instruction and portable meaning.
macro_rules! instruction {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $result:ty, $asm:literal, $portable:expr) => {
        $(#[$doc])*
        #[inline(always)]
        pub(super) fn $name($($arg: $type),*) -> $result {
            #[cfg(dsp)]
            {
                let result: $result;
                // SAFETY: one arithmetic instruction on registers; it touches no memory and no stack. SMLAD
                // sets the sticky Q flag, which nobody reads.
                #[allow(unsafe_code)]
                unsafe {
                    core::arch::asm!($asm, result = lateout(reg) result, $($arg = in(reg) $arg,)* options(pure, nomem, nostack));
                }
                result
            }
            #[cfg(not(dsp))]
            {
                $portable
            }
        }
    };
}

#[cfg(not(dsp))]
mod lanes {
    pub(super) fn low(word: u32) -> i32 {
        i32::from(word as i16)
    }

    pub(super) fn high(word: u32) -> i32 {
        i32::from((word >> 16) as i16)
    }

    pub(super) fn join(low: i32, high: i32) -> u32 {
        u32::from(low as u16) | (high as u32) << 16
    }

    pub(super) fn byte(word: u32, index: u32) -> i32 {
        i32::from((word >> (8 * index)) as i8)
    }
}
#[cfg(not(dsp))]
use lanes::{byte, high, join, low};

instruction! {
    /// `sum + a0 * b0 + a1 * b1`.
    smlad(a: u32, b: u32, sum: i32) -> i32, "smlad {result}, {a}, {b}, {sum}",
    sum.wrapping_add(low(a).wrapping_mul(low(b))).wrapping_add(high(a).wrapping_mul(high(b)))
}
instruction! {
    /// `sum + a0 * b0`.
    #[cfg(not(dsp))]
    smlabb(a: u32, b: u32, sum: i32) -> i32, "smlabb {result}, {a}, {b}, {sum}",
    sum.wrapping_add(low(a).wrapping_mul(low(b)))
}
instruction! {
    /// `sum + a1 * b1`.
    #[cfg(not(dsp))]
    smlatt(a: u32, b: u32, sum: i32) -> i32, "smlatt {result}, {a}, {b}, {sum}",
    sum.wrapping_add(high(a).wrapping_mul(high(b)))
}
instruction! {
    /// Bytes 0 and 2 with their sign.
    sxtb16(a: u32) -> u32, "sxtb16 {result}, {a}", join(byte(a, 0), byte(a, 2))
}
instruction! {
    /// Bytes 1 and 3 with their sign.
    sxtb16_ror8(a: u32) -> u32, "sxtb16 {result}, {a}, ror #8", join(byte(a, 1), byte(a, 3))
}
instruction! {
    /// 16-bit lanes of `sum` plus bytes 0 and 2 without a sign.
    #[cfg(not(dsp))]
    uxtab16(sum: u32, a: u32) -> u32, "uxtab16 {result}, {sum}, {a}",
    join(low(sum) + (a & 0xff) as i32, high(sum) + (a >> 16 & 0xff) as i32)
}
instruction! {
    /// 16-bit lanes of `sum` plus bytes 0 and 2 with their sign.
    sxtab16(sum: u32, a: u32) -> u32, "sxtab16 {result}, {sum}, {a}",
    join(low(sum) + byte(a, 0), high(sum) + byte(a, 2))
}
instruction! {
    /// 16-bit lanes of `sum` plus bytes 1 and 3 with their sign.
    sxtab16_ror8(sum: u32, a: u32) -> u32, "sxtab16 {result}, {sum}, {a}, ror #8",
    join(low(sum) + byte(a, 1), high(sum) + byte(a, 3))
}
instruction! {
    /// Difference of 16-bit lanes.
    ssub16(a: u32, b: u32) -> u32, "ssub16 {result}, {a}, {b}", join(low(a) - low(b), high(a) - high(b))
}
instruction! {
    /// Low lanes: `(a0, b0)`.
    pkhbt(a: u32, b: u32) -> u32, "pkhbt {result}, {a}, {b}, lsl #16", (a & 0xffff) | b << 16
}
instruction! {
    /// High lanes: `(a1, b1)`.
    pkhtb(a: u32, b: u32) -> u32, "pkhtb {result}, {b}, {a}, asr #16", a >> 16 | (b & 0xffff_0000)
}
instruction! {
    /// High word of the 64-bit product.
    #[cfg(not(dsp))]
    smmul(a: i32, b: i32) -> i32, "smmul {result}, {a}, {b}", ((i64::from(a) * i64::from(b)) >> 32) as i32
}
instruction! {
    /// Saturated to a signed byte.
    ssat8(a: i32) -> i32, "ssat {result}, #8, {a}", a.clamp(-128, 127)
}
instruction! {
    /// 16-bit lanes saturated to a nibble.
    usat16_4(a: u32) -> u32, "usat16 {result}, #4, {a}", join(low(a).clamp(0, 15), high(a).clamp(0, 15))
}
/// Bytes of each halfword swapped.
#[cfg(not(dsp))]
#[inline(always)]
pub(super) fn rev16(a: u32) -> u32 {
    a.swap_bytes().rotate_left(16)
}
