//! The conformance cases of the kernels, on the core that the firmware is built for.

use kernels::conformance::{self, Mismatch, NATIVE};

use crate::console::line;

/// Runs `cases` cases of every operator on the core's own tier.
pub(crate) fn run(seed: u64, cases: u32) -> Result<(), Mismatch> {
    let count = conformance::run(&NATIVE, seed, cases)?;
    line!("tier {} {count}", NATIVE.name);
    Ok(())
}
