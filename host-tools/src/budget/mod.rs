//! Bits within the budget of a chip: what every layer costs in every width, from the lowered network itself, and the
//! choice that `assign` finds for it. Omega comes from `sensitivity`, the costs from `lower`; the choice is lowered
//! again and measured, so that a limit is kept by the file and not by a sum of estimates.

mod choose;
mod controls;
mod error;
mod front;
mod limits;
mod network;
mod prices;
mod ranking;
mod ways;

pub use choose::{Chosen, choose};
pub use controls::Control;
pub use error::BudgetError;
pub use front::Sweep;
pub use limits::Limits;
pub use network::Network;
pub use ranking::Ranking;
