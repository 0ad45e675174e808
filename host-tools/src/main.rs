//! The command line of the host tools.
fn main() {}
