//! From a float network to a model file. Data flows one way:
//! import -> graph -> calibrate -> lower -> file -> runtime -> kernels.

pub mod assign;
pub mod audit;
pub mod board;
pub mod budget;
pub mod calibrate;
pub mod cli;
mod convolution;
pub mod count;
pub mod data;
pub mod file;
#[cfg(feature = "cuda")]
pub mod gpu;
pub mod graph;
pub mod import;
pub mod integer;
pub mod job;
pub mod latency;
pub mod lower;
pub mod quantize;
mod random;
pub mod report;
pub mod sensitivity;
pub mod train;
pub mod verify;
