//! Firmware of one model and nothing else: loads it, runs it again and again. Its flash is that of a product but for
//! what a product does with inputs and outputs.
//!
//! `SPARROWHAWK_MODEL` is the model's file when this is built.

#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use entry::{sparrowhawk_infer, sparrowhawk_load};
use runtime::Aligned;
// Only the start-up.
use start as _;

#[path = "../entry.rs"]
mod entry;

const BYTES: &[u8] = include_bytes!(env!("SPARROWHAWK_MODEL"));
static MODEL: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!(env!("SPARROWHAWK_MODEL")));

/// What the largest of the reference networks asks for.
const ARENA_BYTES: usize = 64 * 1024;

/// The class that was seen last, for a debugger.
static CLASS: AtomicUsize = AtomicUsize::new(usize::MAX);

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let mut arena = Aligned([0; ARENA_BYTES]);
    if let Ok(model) = sparrowhawk_load(&MODEL.0)
        && let Ok(mut session) = model.session(&mut arena.0)
    {
        while sparrowhawk_infer(&mut session).is_ok() {
            CLASS.store(session.argmax(), Ordering::Relaxed);
        }
    }
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
