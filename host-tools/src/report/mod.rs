//! Every number of a job: as `report.json`, as a table for people, and as pictures in `report.html`.

mod arena;
mod assignment;
mod collect;
pub mod html;
mod numbers;
mod reproduce;
mod sensitivity;
mod table;

pub use arena::{ArenaBuffer, BufferKind};
pub use assignment::{Arm, Assignment, FrontPoint, LayerWidths, RankedPoint};
pub use collect::main_bits;
pub use numbers::{Constraints, Limit, PostTraining, Report, StepReport, Training};
pub use reproduce::{Hash, Reproduce};
pub use sensitivity::{LayerSensitivity, Sensitivity};
pub use table::thousands;
