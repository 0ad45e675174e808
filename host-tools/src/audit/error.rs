//! Why there is no audit.

use std::io;

use thiserror::Error;

use crate::board::BoardError;

/// Error of the audit and of the size report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The firmware could not be built.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// No disassembler for the core is installed.
    #[error("neither {} nor {} is installed:\n    apt-get install {package}", programs[0], programs[1])]
    NoDisassembler {
        /// Programs that would do.
        programs: [&'static str; 2],
        /// Debian's package with the first.
        package: &'static str,
    },
    /// The file is for a core that no board has.
    #[error("the firmware is for {0:?}, which no board has")]
    Architecture(object::Architecture),
    /// The disassembler failed.
    #[error("{program} failed:\n{log}")]
    Disassembler {
        /// Its name.
        program: &'static str,
        /// What it printed.
        log: String,
    },
    /// The disassembly holds no function.
    #[error("no function was found in the disassembly of the firmware")]
    Empty,
    /// The entry was renamed or removed.
    #[error("the firmware has no function {symbol}: the audit would prove nothing")]
    NoEntry {
        /// Its symbol.
        symbol: &'static str,
    },
    /// The debug lines could not be read.
    #[error("cannot read the firmware's debug lines: {0}")]
    Debug(String),
    /// The firmware is not an ELF file that can be read.
    #[error("cannot read the firmware's sections: {0}")]
    Elf(#[from] object::Error),
    /// The firmware file could not be read.
    #[error("cannot read the firmware: {0}")]
    Io(#[from] io::Error),
}
