//! The board's memory: the model region, the arena and the stack's high-water mark.

use core::{cell::UnsafeCell, ptr, slice};

#[allow(missing_docs, reason = "constants that build.rs wrote from boards.rs, where they are documented")]
mod board {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
pub(crate) use board::{ARENA_BYTES, BOARD, MODEL_ADDRESS, MODEL_BYTES, MODEL_IN_FLASH};

// 16 bytes, so that vector loads of any tier are aligned.
#[repr(C, align(16))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: the only access is `arena`, whose callers promise to be alone.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));

/// The arena of the one session.
///
/// # Safety
/// Call once.
pub(crate) unsafe fn arena() -> &'static mut [u8] {
    // SAFETY: the caller promises that no other reference to it exists.
    unsafe { &mut *ARENA.0.get() }
}

/// The region that holds the model file; not writable where [`MODEL_IN_FLASH`].
///
/// # Safety
/// Call once.
pub(crate) unsafe fn model() -> *mut [u8] {
    ptr::slice_from_raw_parts_mut(ptr::with_exposed_provenance_mut(MODEL_ADDRESS), MODEL_BYTES)
}

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// Bytes of stack that were ever used, and that there are.
pub(crate) fn stack() -> (usize, usize) {
    let (low, high) = (&raw const _stack_end, &raw const _stack_start);
    let words = (high.addr() - low.addr()) / size_of::<u32>();
    // Everything below this function's own frame is free; reading the live part would race with its use.
    let here = 0_u32;
    let below = ((&raw const here).addr() - low.addr()) / size_of::<u32>();
    // SAFETY: the start-up painted every word between the two linker symbols, and nobody writes below the
    // current frame while this runs.
    let paint = unsafe { slice::from_raw_parts(low, below.min(words)) };
    let untouched = paint.iter().take_while(|&&word| word == start::STACK_PAINT).count();
    ((words - untouched) * size_of::<u32>(), words * size_of::<u32>())
}

/// The words of stack below an address.
#[cfg(feature = "count")]
pub(crate) fn below(top: usize) -> *const [u32] {
    let low = &raw const _stack_end;
    ptr::slice_from_raw_parts(low, top.saturating_sub(low.addr()) / size_of::<u32>())
}
