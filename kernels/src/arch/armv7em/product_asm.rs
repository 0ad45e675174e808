//! The products by instructions, in all fourteen registers: the compiler keeps two of them for itself.
//!
//! Both loops hold the column in r0, the weights in r1; what they need once a block is on the stack.

#![allow(unsafe_code, reason = "instructions by name; each use says why it is sound")]

use core::arch::naked_asm;
use core::cell::Cell;

use super::column::{Columns, ENTRY};
use super::product::{Bytes, PIXELS, Strip};
use crate::WeightBits;
use crate::layout::dsp::DENSE_CHANNELS;

/// What [`Strip`] says, as the instructions find it. Offsets are in their text.
#[repr(C)]
struct Task {
    columns: *const Cell<u32>,
    table: *const Cell<u32>,
    weights: *const u32,
    bias: *const i32,
    /// Null asks for accumulators in `raw`.
    multipliers: *const i32,
    raw: *const Cell<i32>,
    pixels: [*const Cell<u8>; PIXELS],
    blocks: usize,
    table_end: *const Cell<u32>,
}

/// Two channels by three pixels for one set of lanes: r7 meets the pixels of r2 to r4.
macro_rules! channel_0 {
    ($w:literal) => {
        concat!("smlad r8, r2, ", $w, ", r8\n smlad r9, r3, ", $w, ", r9\n smlad r10, r4, ", $w, ", r10\n")
    };
}
macro_rules! channel_1 {
    ($w:literal) => {
        concat!("smlad r11, r2, ", $w, ", r11\n smlad r12, r3, ", $w, ", r12\n smlad lr, r4, ", $w, ", lr\n")
    };
}
/// Both channels meet what an instruction makes of their words.
macro_rules! lanes {
    ($op:literal, $rest:literal) => {
        concat!(
            "ldmia r0!, {{r2, r3, r4}}\n",
            $op,
            " r7, r5",
            $rest,
            "\n",
            channel_0!("r7"),
            $op,
            " r7, r6",
            $rest,
            "\n",
            channel_1!("r7"),
        )
    };
}
/// Both channels meet their words as they are.
macro_rules! lanes_raw {
    () => {
        concat!("ldmia r0!, {{r2, r3, r4}}\n", channel_0!("r5"), channel_1!("r6"))
    };
}
/// The other two bytes of both words.
macro_rules! other_bytes {
    () => {
        "sxtb16 r5, r5, ror #8\n sxtb16 r6, r6, ror #8\n"
    };
}
macro_rules! word_8 {
    () => {
        concat!("ldmia r1!, {{r5, r6}}\n", lanes!("uxtb16", ""), lanes_raw!())
    };
}
macro_rules! word_4 {
    () => {
        concat!(
            "ldmia r1!, {{r5, r6}}\n",
            lanes!("and", ", #0x000f000f"),
            lanes!("sxtb16", ""),
            other_bytes!(),
            lanes!("and", ", #0x000f000f"),
            lanes_raw!(),
        )
    };
}
macro_rules! word_2 {
    () => {
        concat!(
            "ldmia r1!, {{r5, r6}}\n",
            lanes!("and", ", #0x00030003"),
            lanes!("and", ", #0x000f000f"),
            lanes!("and", ", #0x003f003f"),
            lanes!("sxtb16", ""),
            other_bytes!(),
            lanes!("and", ", #0x00030003"),
            lanes!("and", ", #0x000f000f"),
            lanes!("and", ", #0x003f003f"),
            lanes_raw!(),
        )
    };
}

/// One strip kernel. Frame: the task (0 to 43), end of a chunk's 16-input part (44) and of the chunk (48), the
/// table's read position (52), sums of earlier chunks (56 to 79).
macro_rules! strip {
    ($name:ident, $word:ident, main: [$($main:tt),*], tail: [$($tail:tt),*], header: $header:literal, shift: $shift:literal) => {
        /// # Safety
        /// The task's pointers must be valid for its blocks, weights and columns must match the table.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(task: *const Task) {
            naked_asm!(
                core_with_dsp!(),
                "push {{r4-r11, lr}}",
                "sub sp, #80",
                "ldmia r0, {{r1-r11}}",
                "stm sp, {{r1-r11}}",
                "mov r1, r3",
                "movs r2, #0",
                "strd r2, r2, [sp, #56]",
                "strd r2, r2, [sp, #64]",
                "strd r2, r2, [sp, #72]",
                // A block of two channels.
                "2:",
                "ldrd r0, r7, [sp]",
                // A chunk: accumulators start with the pixels' sums and the channels' headers.
                "3:",
                "ldmia r7!, {{r2-r6}}",
                "strd r5, r6, [sp, #44]",
                "str r7, [sp, #52]",
                $header,
                "ldr r7, [sp, #44]",
                "cmp r0, r7",
                "beq 5f",
                "4:",
                $($main!(),)*
                "ldr r7, [sp, #44]",
                "cmp r0, r7",
                "bne 4b",
                "5:",
                "ldr r7, [sp, #48]",
                "cmp r0, r7",
                "beq 7f",
                "6:",
                $($tail!(),)*
                "ldr r7, [sp, #48]",
                "cmp r0, r7",
                "bne 6b",
                "7:",
                // One chunk is the rule: its sums never leave the registers.
                "ldr r2, [sp, #4]",
                "ldr r3, [sp, #40]",
                "ldr r7, [sp, #52]",
                concat!("subs r4, r3, #", 20),
                "cmp r2, r4",
                "bne 10f",
                "ldr r7, [sp, #12]",
                "ldmia r7!, {{r5, r6}}",
                "str r7, [sp, #12]",
                concat!("add r8, r5, r8, asr #", $shift),
                concat!("add r9, r5, r9, asr #", $shift),
                concat!("add r10, r5, r10, asr #", $shift),
                concat!("add r11, r6, r11, asr #", $shift),
                concat!("add r12, r6, r12, asr #", $shift),
                concat!("add lr, r6, lr, asr #", $shift),
                "8:",
                "ldr r7, [sp, #16]",
                "cbz r7, 12f",
                "ldmia r7!, {{r5, r6}}",
                "str r7, [sp, #16]",
                "smmul r8, r8, r5",
                "smmul r9, r9, r5",
                "smmul r10, r10, r5",
                "smmul r11, r11, r6",
                "smmul r12, r12, r6",
                "smmul lr, lr, r6",
                "add r7, sp, #24",
                "ldmia r7, {{r2, r3, r4}}",
                "ssat r8, #8, r8",
                "ssat r9, #8, r9",
                "ssat r10, #8, r10",
                "ssat r11, #8, r11",
                "ssat r12, #8, r12",
                "ssat lr, #8, lr",
                "strb r8, [r2], #1",
                "strb r11, [r2], #1",
                "strb r9, [r3], #1",
                "strb r12, [r3], #1",
                "strb r10, [r4], #1",
                "strb lr, [r4], #1",
                "stmia r7, {{r2, r3, r4}}",
                "9:",
                "ldr r7, [sp, #36]",
                "subs r7, #1",
                "str r7, [sp, #36]",
                "bne 2b",
                "add sp, #80",
                "pop {{r4-r11, pc}}",
                "12:",
                "ldr r7, [sp, #20]",
                "stmia r7!, {{r8-r12, lr}}",
                "str r7, [sp, #20]",
                "b 9b",
                // The sums of a chunk join those of the chunks before it.
                "10:",
                "add r2, sp, #56",
                "ldmia r2, {{r4-r6}}",
                concat!("add r8, r4, r8, asr #", $shift),
                concat!("add r9, r5, r9, asr #", $shift),
                concat!("add r10, r6, r10, asr #", $shift),
                "ldr r4, [sp, #68]",
                "ldrd r5, r6, [sp, #72]",
                concat!("add r11, r4, r11, asr #", $shift),
                concat!("add r12, r5, r12, asr #", $shift),
                concat!("add lr, r6, lr, asr #", $shift),
                "cmp r7, r3",
                "beq 11f",
                "stmia r2, {{r8-r12, lr}}",
                "b 3b",
                "11:",
                "movs r3, #0",
                "strd r3, r3, [sp, #56]",
                "strd r3, r3, [sp, #64]",
                "strd r3, r3, [sp, #72]",
                "ldr r7, [sp, #12]",
                "ldmia r7!, {{r5, r6}}",
                "str r7, [sp, #12]",
                "add r8, r5",
                "add r9, r5",
                "add r10, r5",
                "add r11, r6",
                "add r12, r6",
                "add lr, r6",
                "b 8b",
            )
        }
    };
}

strip!(strip_8, word_8, main: [word_8, word_8, word_8, word_8], tail: [word_8],
    header: "ldmia r1!, {{r5, r6}}\n add r8, r5, r2\n add r9, r5, r3\n add r10, r5, r4\n add r11, r6, r2\n add r12, r6, r3\n add lr, r6, r4",
    shift: 8);
strip!(strip_4, word_4, main: [word_4, word_4], tail: [word_4],
    header: "mov r8, r2\n mov r9, r3\n mov r10, r4\n mov r11, r2\n mov r12, r3\n mov lr, r4",
    shift: 4);
strip!(strip_2, word_2, main: [word_2], tail: [word_2],
    header: "mov r8, r2\n mov r9, r3\n mov r10, r4\n mov r11, r2\n mov r12, r3\n mov lr, r4",
    shift: 6);

/// The blocks of a strip; the caller has counted them against every slice.
#[inline(always)]
pub(super) fn strip(strip: &Strip, blocks: usize, bytes: Option<&Bytes>, raw: &[Cell<i32>]) {
    let entries = strip.columns.entries();
    let task = Task {
        columns: strip.columns.words.as_ptr(),
        table: entries.as_ptr(),
        weights: strip.weights.as_ptr(),
        bias: strip.bias.as_ptr(),
        multipliers: bytes.map_or(core::ptr::null(), |bytes| bytes.multipliers.as_ptr()),
        raw: raw.as_ptr(),
        pixels: bytes.map_or([core::ptr::null(); PIXELS], |bytes| bytes.pixels.map(<[_]>::as_ptr)),
        blocks,
        table_end: entries.as_ptr_range().end,
    };
    // SAFETY: `Columns` wrote the table, so the loops end at the columns' end and read as many words of weights
    // as `stride` counts; `blocks` was limited by the lengths of weights, biases, multipliers and outputs.
    // All bytes written are cells.
    unsafe {
        match strip.columns.bits {
            WeightBits::W8 => strip_8(&task),
            WeightBits::W4 => strip_4(&task),
            WeightBits::W2 => strip_2(&task),
        }
    }
}

/// Four channels meet one column: r2 with what an instruction makes of their words, r3 with another.
macro_rules! four {
    ($x:literal, $op:literal, $rest:literal) => {
        concat!(
            $op,
            " r12, r4",
            $rest,
            "\n smlad r8, ",
            $x,
            ", r12, r8\n",
            $op,
            " r12, r5",
            $rest,
            "\n smlad r9, ",
            $x,
            ", r12, r9\n",
            $op,
            " r12, r6",
            $rest,
            "\n smlad r10, ",
            $x,
            ", r12, r10\n",
            $op,
            " r12, r7",
            $rest,
            "\n smlad r11, ",
            $x,
            ", r12, r11\n",
        )
    };
}
macro_rules! four_raw {
    ($x:literal) => {
        concat!(
            "smlad r8, ",
            $x,
            ", r4, r8\n smlad r9, ",
            $x,
            ", r5, r9\n",
            "smlad r10, ",
            $x,
            ", r6, r10\n smlad r11, ",
            $x,
            ", r7, r11\n",
        )
    };
}
macro_rules! four_other_bytes {
    () => {
        "sxtb16 r4, r4, ror #8\n sxtb16 r5, r5, ror #8\n sxtb16 r6, r6, ror #8\n sxtb16 r7, r7, ror #8\n"
    };
}
macro_rules! pair {
    () => {
        "ldmia r0!, {{r2, r3}}\n"
    };
}
macro_rules! dense_word_8 {
    () => {
        concat!(pair!(), "ldmia r1!, {{r4-r7}}\n", four!("r2", "uxtb16", ""), four_raw!("r3"))
    };
}
macro_rules! dense_word_4 {
    () => {
        concat!(
            pair!(),
            "ldmia r1!, {{r4-r7}}\n",
            four!("r2", "and", ", #0x000f000f"),
            four!("r3", "sxtb16", ""),
            four_other_bytes!(),
            pair!(),
            four!("r2", "and", ", #0x000f000f"),
            four_raw!("r3"),
        )
    };
}
macro_rules! dense_word_2 {
    () => {
        concat!(
            pair!(),
            "ldmia r1!, {{r4-r7}}\n",
            four!("r2", "and", ", #0x00030003"),
            four!("r3", "and", ", #0x000f000f"),
            pair!(),
            four!("r2", "and", ", #0x003f003f"),
            four!("r3", "sxtb16", ""),
            four_other_bytes!(),
            pair!(),
            four!("r2", "and", ", #0x00030003"),
            four!("r3", "and", ", #0x000f000f"),
            pair!(),
            four!("r2", "and", ", #0x003f003f"),
            four_raw!("r3"),
        )
    };
}

/// One dense kernel: a chunk of one block; four sums are added to. Gives the weights behind the chunk.
macro_rules! dense {
    ($name:ident, main: [$($main:tt),*], tail: [$($tail:tt),*], header: $header:literal, shift: $shift:literal) => {
        /// # Safety
        /// `columns` and `weights` must hold a chunk as `entry` describes it.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            columns: *const Cell<u32>,
            weights: *const u32,
            entry: *const Cell<u32>,
            sums: *mut [i32; DENSE_CHANNELS],
        ) -> *const u32 {
            naked_asm!(
                core_with_dsp!(),
                "push {{r3-r11, lr}}",
                "ldr r12, [r2]",
                "ldr lr, [r2, #12]",
                "ldr r2, [r2, #16]",
                "str r2, [sp, #-4]!",
                $header,
                "cmp r0, lr",
                "beq 3f",
                "2:",
                $($main!(),)*
                "cmp r0, lr",
                "bne 2b",
                "3:",
                "ldr lr, [sp], #4",
                "cmp r0, lr",
                "beq 5f",
                "4:",
                $($tail!(),)*
                "cmp r0, lr",
                "bne 4b",
                "5:",
                "pop {{r3}}",
                "ldmia r3, {{r4-r7}}",
                concat!("add r4, r4, r8, asr #", $shift),
                concat!("add r5, r5, r9, asr #", $shift),
                concat!("add r6, r6, r10, asr #", $shift),
                concat!("add r7, r7, r11, asr #", $shift),
                "stmia r3, {{r4-r7}}",
                "mov r0, r1",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

dense!(dense_8, main: [dense_word_8, dense_word_8, dense_word_8, dense_word_8], tail: [dense_word_8],
    header: "ldmia r1!, {{r8-r11}}\n add r8, r12\n add r9, r12\n add r10, r12\n add r11, r12", shift: 8);
dense!(dense_4, main: [dense_word_4, dense_word_4], tail: [dense_word_4],
    header: "mov r8, r12\n mov r9, r12\n mov r10, r12\n mov r11, r12", shift: 4);
dense!(dense_2, main: [dense_word_2], tail: [dense_word_2],
    header: "mov r8, r12\n mov r9, r12\n mov r10, r12\n mov r11, r12", shift: 6);

/// All chunks of one block; the caller has compared `weights` with the columns.
#[inline(always)]
pub(super) fn dense(columns: &Columns<1>, weights: &[u32]) -> [i32; DENSE_CHANNELS] {
    let mut sums = [0; DENSE_CHANNELS];
    let (mut x, mut weights) = (columns.words.as_ptr(), weights.as_ptr());
    let mut entries = columns.entries();
    while let Some((entry, behind)) = entries.split_first_chunk::<ENTRY>() {
        entries = behind;
        // SAFETY: `Columns` wrote the table, so the chunks end where the columns do and read as many words of
        // weights as the block has.
        weights = unsafe {
            match columns.bits {
                WeightBits::W8 => dense_8(x, weights, entry.as_ptr(), &raw mut sums),
                WeightBits::W4 => dense_4(x, weights, entry.as_ptr(), &raw mut sums),
                WeightBits::W2 => dense_2(x, weights, entry.as_ptr(), &raw mut sums),
            }
        };
        x = core::ptr::with_exposed_provenance(entry[4].get() as usize);
    }
    sums
}
