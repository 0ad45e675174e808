//! What every program enters the runtime by: symbols of their own, so that `audit` finds everything that they can reach,
//! and `size` tells theirs.

use runtime::{LoadError, Model, RunError, Session};

/// Runs every step of the network on the input in the arena.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn sparrowhawk_infer(session: &mut Session<'_, '_>) -> Result<(), RunError> {
    session.run()
}

/// Validates the model: no bytes may make it panic.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn sparrowhawk_load(bytes: &'static [u8]) -> Result<Model<'static>, LoadError> {
    Model::load(bytes)
}
