//! What the emulator's counter needs: a marker between steps, and the stack of one inference.

use core::hint::black_box;

use runtime::{Progress, RunError, Session, trace::crc32_cells};

use crate::{console::line, entry::sparrowhawk_infer, memory};

/// Where one region of counting ends and the next begins.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn sparrowhawk_marker() {
    black_box(());
}

/// Runs the network with a marker before and behind every step. The console is outside: its regions are even,
/// those of the steps odd.
pub(crate) fn steps(session: &mut Session<'_, '_>) -> Result<(), RunError> {
    for step in 0.. {
        sparrowhawk_marker();
        let progress = session.step()?;
        sparrowhawk_marker();
        line!("step {step} crc {:08x}", crc32_cells(session.result()?.cells()));
        if progress == Progress::Done {
            break;
        }
    }
    sparrowhawk_marker();
    Ok(())
}

/// Runs the network, and says how many bytes of stack that took below the caller.
#[inline(never)]
pub(crate) fn stack(session: &mut Session<'_, '_>) -> Result<(), RunError> {
    let free = memory::below(start::stack_pointer());
    let (words, count) = (free.cast_mut().cast::<u32>(), free.len());
    for index in 0..count {
        // SAFETY: nothing lives between the stack's end and the stack pointer, and no interrupt is on. Volatile, so
        // that no library function is called, whose frame would be there.
        unsafe { words.add(index).write_volatile(start::STACK_PAINT) };
    }
    let result = sparrowhawk_infer(session);
    // SAFETY: as above; the call has returned.
    let left = unsafe { &*free }.iter().take_while(|&&word| word == start::STACK_PAINT).count();
    line!("inference_stack {}", (free.len() - left) * size_of::<u32>());
    result
}
