//! From a float network to a model file. Data flows one way:
//! import -> graph -> calibrate -> lower -> file -> runtime -> kernels.

pub mod audit;
pub mod board;
pub mod cli;
pub mod graph;
