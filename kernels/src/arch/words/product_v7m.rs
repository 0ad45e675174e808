//! Products on Armv7-M. A long multiplication by the word `b * 2^23 + a` adds the products of a weight with two
//! inputs at once: 64 bits hold `sum(w b) * 2^23 + sum(w a)`, and the second sum is their lowest 23 bits with a
//! sign as long as it lies within 2^22 of 0.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::column::PIXELS;
use super::product::ROWS;
use crate::WeightBits;

/// Bytes of a row's chunk: 252 products of two bytes stay below 2^22, and so do 504 of a byte and 4 bits, 1008 of
/// a byte and 2 bits.
const CHUNK: usize = 252;

/// What a chunk works on, as the instructions find it.
#[repr(C)]
struct Task {
    words: *const Cell<u32>,
    weights: *const u8,
    stride: usize,
    /// End of the words that the unrolled loop takes.
    unrolled: *const Cell<u32>,
    end: *const Cell<u32>,
    sums: *mut [i64; ROWS],
}

/// One word meets a weight of each row, which an instruction makes of its byte.
macro_rules! word {
    ($of_byte:literal, $next:literal) => {
        concat!(
            "ldr lr, [r0], #4\n",
            "ldrsb r3, [r1, r2]\n",
            $of_byte,
            "smlal r6, r7, r3, lr\n",
            "ldrsb r3, [r1, r2, lsl #1]\n",
            $of_byte,
            "smlal r8, r9, r3, lr\n",
            "ldrsb r3, [r1, r12]\n",
            $of_byte,
            "smlal r10, r11, r3, lr\n",
            "ldrsb r3, [r1]",
            $next,
            "\n",
            $of_byte,
            "smlal r4, r5, r3, lr\n",
        )
    };
}
macro_rules! byte_8 {
    () => {
        word!("", ", #1")
    };
}
macro_rules! byte_4 {
    () => {
        concat!(word!("sbfx r3, r3, #0, #4\n", ""), word!("asr r3, r3, #4\n", ", #1"))
    };
}
macro_rules! byte_2 {
    () => {
        concat!(
            word!("sbfx r3, r3, #0, #2\n", ""),
            word!("sbfx r3, r3, #2, #2\n", ""),
            word!("sbfx r3, r3, #4, #2\n", ""),
            word!("asr r3, r3, #6\n", ", #1"),
        )
    };
}

macro_rules! chunk {
    ($name:ident, $byte:ident, [$($unrolled:ident),*]) => {
        /// # Safety
        /// The task's words must be those of whole bytes, four rows of which must be readable.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                "push {{r4-r11, lr}}",
                "sub sp, #12",
                "ldm r0, {{r0-r5}}",
                "stm sp, {{r3-r5}}",
                "add r12, r2, r2, lsl #1",
                "movs r4, #0",
                "mov r5, r4",
                "mov r6, r4",
                "mov r7, r4",
                "mov r8, r4",
                "mov r9, r4",
                "mov r10, r4",
                "mov r11, r4",
                "cmp r0, r3",
                "beq 3f",
                "2:",
                $($unrolled!(),)*
                "ldr r3, [sp]",
                "cmp r0, r3",
                "bne 2b",
                "3:",
                "ldr r3, [sp, #4]",
                "cmp r0, r3",
                "beq 5f",
                "4:",
                $byte!(),
                "ldr r3, [sp, #4]",
                "cmp r0, r3",
                "bne 4b",
                "5:",
                "ldr r0, [sp, #8]",
                "stm r0, {{r4-r11}}",
                "add sp, #12",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

chunk!(chunk_8, byte_8, [byte_8, byte_8, byte_8, byte_8]);
chunk!(chunk_4, byte_4, [byte_4, byte_4]);
chunk!(chunk_2, byte_2, [byte_2]);

/// See [`super::product::strip`], which has compared the slices with the rows.
pub(super) fn strip(
    words: &[Cell<u32>],
    weights: &[u8],
    stride: usize,
    bits: WeightBits,
    row_bytes: usize,
) -> [[i32; PIXELS]; ROWS] {
    let shift = bits.log2_per_byte();
    let unrolled = (4 >> shift) - 1;
    let mut result = [[0i32; PIXELS]; ROWS];
    let mut first = 0;
    while first < row_bytes {
        let bytes = CHUNK.min(row_bytes - first);
        let start = words.as_ptr().wrapping_add(first << shift);
        let mut sums = [0i64; ROWS];
        let task = Task {
            words: start,
            weights: weights.as_ptr().wrapping_add(first),
            stride,
            unrolled: start.wrapping_add((bytes & !unrolled) << shift),
            end: start.wrapping_add(bytes << shift),
            sums: &mut sums,
        };
        // SAFETY: `words` are those of `row_bytes` bytes, four rows of which lie in `weights`; the loops end where the
        // chunk does, the first one behind whole rounds.
        unsafe {
            match bits {
                WeightBits::W8 => chunk_8(&task),
                WeightBits::W4 => chunk_4(&task),
                WeightBits::W2 => chunk_2(&task),
            }
        }
        for (result, sum) in result.iter_mut().zip(sums) {
            let low = (sum as i32) << 9 >> 9;
            result[0] = result[0].wrapping_add(low);
            result[1] = result[1].wrapping_add((sum.wrapping_sub(i64::from(low)) >> 23) as i32);
        }
        first += bytes;
    }
    result
}

/// One input meets a weight of each row.
macro_rules! input {
    () => {
        concat!(
            "ldrsb r8, [r0], #1\n",
            "ldrsb r9, [r1, r2]\n mla r5, r9, r8, r5\n",
            "ldrsb r9, [r1, r2, lsl #1]\n mla r6, r9, r8, r6\n",
            "ldrsb r9, [r1, r12]\n mla r7, r9, r8, r7\n",
            "ldrsb r9, [r1], #1\n mla r4, r9, r8, r4\n",
        )
    };
}

/// # Safety
/// `count` inputs and as many weights of four rows must be readable.
#[unsafe(naked)]
unsafe extern "C" fn dense_8(
    input: *const Cell<u8>,
    weights: *const u8,
    stride: usize,
    count: usize,
    sums: *mut [i32; ROWS],
) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "add r12, r2, r2, lsl #1",
        "movs r4, #0",
        "mov r5, r4",
        "mov r6, r4",
        "mov r7, r4",
        "bic r10, r3, #3",
        "add r10, r0",
        "add r11, r0, r3",
        "cmp r0, r10",
        "beq 3f",
        "2:",
        input!(),
        input!(),
        input!(),
        input!(),
        "cmp r0, r10",
        "bne 2b",
        "3:",
        "cmp r0, r11",
        "beq 5f",
        "4:",
        input!(),
        "cmp r0, r11",
        "bne 4b",
        "5:",
        "ldr r0, [sp, #36]",
        "stm r0, {{r4-r7}}",
        "pop {{r4-r11, pc}}",
    )
}

/// See [`super::product::dense`], which has compared the slices.
pub(super) fn dense(input: &[Cell<u8>], weights: &[u8], stride: usize) -> [i32; ROWS] {
    let mut sums = [0; ROWS];
    // SAFETY: four rows of as many weights as there are inputs lie in `weights`.
    unsafe { dense_8(input.as_ptr(), weights.as_ptr(), stride, input.len(), &mut sums) }
    sums
}
