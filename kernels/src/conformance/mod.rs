//! The cases that every kernel tier runs: seeded arguments on small odd shapes and extreme values, compared
//! element by element with a naive reference. Equality is exact.
//!
//! Whatever an operator's `check` accepts is fair: shapes, types, weights, biases and multipliers at the
//! edges, padding larger than the kernel, every in-place form that the operator allows, views that start at
//! odd addresses. Memory is poisoned before a call, and all bytes but the result and the scratch must
//! survive it. Each case also makes one argument wrong, and expects the typed error and no write at all.
//!
//! No `std`, no allocation, a stack of less than 40 KiB: firmware runs the same cases.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "only tests come here, and a wrong index must stop them"
)]

mod arena;
mod cases;
mod mismatch;
mod reference;
mod rng;
mod tier;

#[cfg(test)]
mod tests;

pub use mismatch::{Fault, Mismatch};
pub use tier::{ARMV7EM, GENERIC, MVE, NATIVE, Op, Tier, WORDS};

/// Runs `cases` cases of every operator; how many were run.
///
/// # Errors
/// The first [`Mismatch`].
pub fn run(tier: &Tier, seed: u64, cases: u32) -> Result<u32, Mismatch> {
    let mut count = 0;
    for op in Op::ALL {
        for case in 0..cases {
            run_case(tier, op, seed, case)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Runs one case of one operator: the case that a [`Mismatch`] names.
///
/// # Errors
/// The case's [`Mismatch`].
pub fn run_case(tier: &Tier, op: Op, seed: u64, case: u32) -> Result<(), Mismatch> {
    cases::run(tier, op, seed, case).map_err(|fault| Mismatch { op, case, fault })
}
