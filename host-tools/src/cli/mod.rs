//! The commands, one file each: arguments in, library called, text out.

pub mod assign;
pub mod audit;
pub mod bisect;
mod counting;
mod error;
pub mod eval;
mod gpu;
pub mod import;
pub mod inspect;
mod model_file;
pub mod quantize;
pub mod run;
pub mod sensitivity;
pub mod size;
mod training;

pub use error::CommandError;
