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

use super::arena::Arena;
use super::rng::Rng;
use super::{Fault, Op, Tier};

/// Runs one case.
pub(super) fn run(tier: &Tier, op: Op, seed: u64, case: u32) -> Result<(), Fault> {
    // Through a pointer, so that the operators' frames do not add up on a small stack.
    let run = match op {
        Op::Conv2d => conv2d::run,
        Op::Depthwise => depthwise::run,
        Op::Dense => dense::run,
        Op::MaxPool => pool::run_max,
        Op::AveragePool => pool::run_average,
        Op::Add => add::run,
        Op::Rescale => rescale::run,
        Op::Table => table::run,
        Op::Concat => concat::run,
        Op::Window => window::run,
        Op::Argmax => argmax::run,
    };
    let rng = &mut Rng::new(seed, op as u32, case);
    let arena = &mut Arena::new();
    arena.poison(rng);
    run(tier, rng, arena)
}
