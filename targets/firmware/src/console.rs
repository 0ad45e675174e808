//! The console: whole lines, because every semihosting write stops the processor.

use core::{
    cell::Cell,
    fmt::{self, Write},
};

const LINE_BYTES: usize = 128;

/// Text that waits to be written.
pub(crate) struct Line {
    bytes: [u8; LINE_BYTES],
    used: usize,
}

impl Line {
    /// An empty line.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; LINE_BYTES], used: 0 }
    }

    /// Writes what is waiting. A console that is gone is not an error: the exit code still tells.
    pub(crate) fn flush(&mut self) {
        use semihosting::io::Write as _;
        if let (Ok(mut console), Some(text)) = (semihosting::io::stdout(), self.bytes.get(..self.used)) {
            let _ = console.write_all(text);
        }
        self.used = 0;
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == LINE_BYTES {
                self.flush();
            }
            if let Some(slot) = self.bytes.get_mut(self.used) {
                *slot = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}

/// Prints one line.
macro_rules! line {
    ($($text:tt)*) => {{
        use core::fmt::Write as _;
        let mut line = $crate::console::Line::new();
        let _ = writeln!(line, $($text)*);
        line.flush();
    }};
}
pub(crate) use line;

/// Prints a keyword and bytes in hexadecimal, on one line.
pub(crate) fn hex(keyword: &str, bytes: &[Cell<u8>]) {
    let mut line = Line::new();
    let _ = write!(line, "{keyword} ");
    for byte in bytes {
        let _ = write!(line, "{:02x}", byte.get());
    }
    let _ = line.write_str("\n");
    line.flush();
}
