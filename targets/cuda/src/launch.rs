//! A kernel with its launch, and the memory that launches are made for.

use crate::params::{Args, CONSTANT, WORKSPACE};
use crate::source::Module;

/// One launch of one kernel: a grid of blocks in a row.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Where the kernel is.
    pub module: Module,
    /// Its name.
    pub kernel: String,
    /// Blocks.
    pub grid: u32,
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of shared memory of a block.
    pub shared: u32,
    /// What it is passed.
    pub args: Args,
}

impl Launch {
    /// What tells it from the other launches that do the same: the kernel, and in how many parts it splits the depth.
    pub fn label(&self) -> String {
        match &self.args {
            Args::Accumulate(p) if p.splits > 1 => format!("{}/{}", self.kernel, p.splits),
            _ => self.kernel.clone(),
        }
    }
}

/// Most tiles of a launch that splits the depth: each has a counter in the workspace.
pub const MOST_SPLIT_TILES: u32 = 1024;

/// Alignment of every tensor and constant: more than any vector load wants.
const ALIGNMENT: u64 = 256;

/// Bytes between two tensors that nobody writes.
const GAP: u64 = 256;

/// Constants, as one block of bytes, and the sizes of the activations and of the workspace.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// All constants.
    pub constants: Vec<u8>,
    /// Bytes of all activations.
    pub activations: u64,
    /// Bytes of partial sums: the most that a launch needs.
    partial: u64,
}

impl Memory {
    /// Puts constants down; their pointer.
    pub fn constant(&mut self, bytes: &[u8]) -> u64 {
        let start = (self.constants.len() as u64).next_multiple_of(ALIGNMENT);
        self.constants.resize(start as usize, 0);
        self.constants.extend_from_slice(bytes);
        CONSTANT | start
    }

    /// Puts words down, with zeros up to a multiple of `to` words; their pointer.
    pub fn words(&mut self, words: &[i32], to: usize) -> u64 {
        let mut padded = words.to_vec();
        padded.resize(words.len().next_multiple_of(to), 0);
        self.constant(bytemuck::cast_slice(&padded))
    }

    /// Room for a tensor; its pointer.
    pub fn tensor(&mut self, bytes: u64) -> u64 {
        let start = (self.activations + GAP).next_multiple_of(ALIGNMENT);
        self.activations = start + bytes;
        start
    }

    /// Room for a launch's partial sums, which any other launch may overwrite; pointers of sums and counters.
    pub fn partial_sums(&mut self, bytes: u64) -> (u64, u64) {
        self.partial = self.partial.max(bytes);
        (WORKSPACE | Self::counter_bytes(), WORKSPACE)
    }

    /// Bytes at the start of the workspace that are zeros between launches.
    pub const fn counter_bytes() -> u64 {
        MOST_SPLIT_TILES as u64 * 4
    }

    /// Bytes of the workspace: counters, then partial sums.
    pub fn workspace_bytes(&self) -> u64 {
        Self::counter_bytes() + self.partial
    }

    /// Bytes that the activations take, with a gap behind the last tensor.
    pub fn activation_bytes(&self) -> u64 {
        self.activations + GAP
    }
}
