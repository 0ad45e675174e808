//! Who holds which bytes of the arena, and when.

use serde::{Deserialize, Serialize};

/// A range of bytes that belongs to one owner from step to step. Buffers of a common step do not overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArenaBuffer {
    /// The tensors in it, later ones written over earlier ones; of scratch, the step's name.
    pub name: String,
    /// First step that uses it, from 0.
    pub first_step: u32,
    /// Last step that uses it.
    pub last_step: u32,
    /// First byte in the arena.
    pub offset: u32,
    /// Number of bytes.
    pub bytes: u32,
    /// What it is for.
    pub kind: BufferKind,
}

/// What a buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BufferKind {
    /// Values between steps.
    Tensor,
    /// A step's own work memory.
    Scratch,
}
