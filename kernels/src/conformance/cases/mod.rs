//! Seeded cases, one file per operator: arguments that `check` accepts, and what is wrong about them when it
//! must refuse.

mod accumulate;
mod add;
mod argmax;
mod concat;
mod conv2d;
mod dense;
mod depthwise;
mod pool;
mod rescale;
mod shape;
mod table;
mod window;

use super::rng::Rng;
use super::{Fault, Op, Tier};

/// Runs one case.
pub(super) fn run(tier: &Tier, op: Op, seed: u64, case: u32) -> Result<(), Fault> {
    let rng = &mut Rng::new(seed, op as u32, case);
    match op {
        Op::Conv2d => conv2d::run(tier, rng),
        Op::Depthwise => depthwise::run(tier, rng),
        Op::Dense => dense::run(tier, rng),
        Op::MaxPool => pool::run_max(tier, rng),
        Op::AveragePool => pool::run_average(tier, rng),
        Op::Add => add::run(tier, rng),
        Op::Rescale => rescale::run(tier, rng),
        Op::Table => table::run(tier, rng),
        Op::Concat => concat::run(tier, rng),
        Op::Window => window::run(tier, rng),
        Op::Argmax => argmax::run(tier, rng),
    }
}
