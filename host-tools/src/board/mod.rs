//! Emulated boards: builds the firmware for one, runs a model file on it, and returns what it said.
//!
//! The firmware is `targets/firmware`; the boards are described in its `boards.rs`, which is the same source here.

#[path = "../../../targets/firmware/boards.rs"]
mod boards;
mod chips;
mod device;
mod emulate;
mod error;
mod firmware;
mod isa;
mod lines;
mod process;
mod toolchain;

pub use boards::{BOARDS, Board, Region};
pub use chips::{CHIPS, Chip};
pub use device::Device;
pub use emulate::{Mode, RunOptions, conformance, run};
pub use error::BoardError;
pub use firmware::{Image, build, build_image, build_product};
pub use isa::{Disassembler, Isa};
pub use lines::{BoardRun, InputRun};
pub use toolchain::Toolchain;

use kernels::arch::Core;
use runtime::format::Layout;

use boards::Packing;

impl Board {
    /// Its core, by the kernels that its firmware has.
    pub fn kernels(&self) -> Core {
        Core::of(self.target, self.target_cpu)
    }

    /// The board of this name, or the one that runs the files of a chip of this name.
    ///
    /// # Errors
    /// [`BoardError::Unknown`], with the names that there are; [`BoardError::NotEmulated`] for a GPU.
    pub fn find(name: &str) -> Result<&'static Self, BoardError> {
        Device::find(name)?.board()
    }

    /// How weights are packed for the board's kernels.
    pub fn layout(&self) -> Layout {
        match self.packing {
            Packing::Rows => Layout::Rows,
            Packing::Words => Layout::Words,
            Packing::Dsp => Layout::Dsp,
            Packing::Mve => Layout::Mve,
        }
    }
}
