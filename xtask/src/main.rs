//! Declares the commands and starts the real tools.
fn main() {}
