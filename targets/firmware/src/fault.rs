//! What happens when the firmware itself is wrong: one `error` line and a failing exit code.

use core::panic::PanicInfo;

use crate::console::line;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line!("error {info}");
    semihosting::process::exit(101)
}

/// # Safety
/// Only the processor may call it, with the frame that it stacked.
#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    line!("error hard fault at {:#010x}, called from {:#010x}", frame.pc(), frame.lr());
    semihosting::process::exit(102)
}

/// The start-up calls it with the cause that the processor gave, and the address of the instruction.
#[cfg(target_arch = "riscv32")]
#[unsafe(no_mangle)]
extern "C" fn trap(cause: usize, address: usize) -> ! {
    line!("error trap of cause {cause} at {address:#010x}");
    semihosting::process::exit(102)
}
