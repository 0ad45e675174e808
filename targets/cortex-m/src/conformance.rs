//! The conformance cases of the kernels, on the core that the firmware is built for.

use kernels::conformance::{self, GENERIC, Mismatch, NATIVE};

use crate::console::line;

/// Runs `cases` cases of every operator on the portable tier and on the core's own.
pub(crate) fn run(seed: u64, cases: u32) -> Result<(), Mismatch> {
    for tier in [GENERIC, NATIVE] {
        let count = conformance::run(&tier, seed, cases)?;
        line!("tier {} {count}", tier.name);
    }
    Ok(())
}
