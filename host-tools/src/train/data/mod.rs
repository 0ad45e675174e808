//! From a data set to training batches: a held-out share, augmented samples as the integer network's input
//! tensor holds them, in an order that the seed decides. The same seed gives the same bytes, however many
//! threads prepare them and wherever a run went on.

mod alike;
mod augment;
mod batches;
mod error;
mod input;
mod loader;
mod split;

#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;

pub use augment::{Augment, Fill};
pub use batches::{Batch, Batches, Position};
pub use error::BatchError;
pub use input::InputCode;
pub use loader::Loader;
pub use split::{Amount, Split, SplitOptions, split};
