//! The commands, one file each: arguments in, library called, text out.

pub mod audit;
pub mod size;
