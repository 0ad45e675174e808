//! Which widths every layer gets: the choice of least objective within several limits at once, exactly.
//!
//! This is the integer program of HAWQ-V3 (Yao et al. 2021) with more than two candidates per layer, widths of
//! weights and activations apart, any number of sums that stay within limits, and peak memory, which is no sum.
//! It knows numbers only: no graph, no file.
//!
//! - [`Problem`] and [`solve`]: the question and its [`Outcome`].
//! - [`Arena`]: a limit on peak memory, computed by an [`Oracle`].
//! - [`sweep`], [`sweep_memory`] and [`runners_up`]: what a limit costs, and what every layer's width is worth.
//! - [`uniform`], [`random`], [`hawq_v1`], [`hawq_v2`]: what to compare with.
//!
//! **Which choice:** the least objective; of equal ones the least of the first measure; of these the first as a
//! list of candidates in the order of the layers. Objectives are added on a grid finer than their `f64` sums, so
//! that "equal" and "less" do not depend on the order of addition or search.
//!
//! **How:** ties merge layers into groups, dominated options go, and branch and bound with Lagrangian bounds does
//! the rest. Linear programs and floating point only propose prices of limits; every bound that excludes anything is
//! computed in integers.

mod allowed;
mod arena;
mod bound;
mod error;
mod finder;
mod infeasible;
mod memory;
mod merge;
mod node;
mod order;
mod prices;
mod problem;
mod random;
mod ranking;
mod reduced;
mod repair;
mod scale;
mod search;
mod solve;
mod sweep;
#[cfg(test)]
mod tests;
mod uniform;

pub use arena::{Arena, Oracle, OracleError};
pub use error::AssignError;
pub use finder::Effort;
pub use infeasible::{Infeasible, Nearest, Smallest};
pub use problem::{Bits, Candidate, Choice, Layer, Measure, Operand, Problem, Tie};
pub use random::random;
pub use ranking::{Ranking, hawq_v1, hawq_v2};
pub use solve::{Outcome, Proof, solve};
pub use sweep::{SweepPoint, runners_up, sweep, sweep_memory};
pub use uniform::{Uniform, uniform};
