//! What happens when the firmware itself is wrong: one `error` line and a failing exit code.

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};

use crate::console::line;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line!("error {info}");
    semihosting::process::exit(101)
}

/// # Safety
/// Only the processor may call it, with the frame that it stacked.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    line!("error hard fault at {:#010x}, called from {:#010x}", frame.pc(), frame.lr());
    semihosting::process::exit(102)
}
