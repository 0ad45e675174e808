//! Estimated cycles of a step on a board, from a table that `cargo xtask bench mcu --table` fitted to counted steps.
//!
//! `cycles = per_mac * MACs + per_padded * padded + per_output * outputs + per_residual * residuals + per_tap * taps +
//! per_pixel * pixels + per_narrow * narrow outputs + per_step`, with coefficients by kind of step and bits. Every entry
//! says how well it does on counted steps, each estimated without itself.

mod table;
mod work;

pub use table::{Entry, LatencyTable, TableError};
pub use work::{Features, Kind, Work};
