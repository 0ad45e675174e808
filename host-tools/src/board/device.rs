//! What a model is for: an emulated board, a chip with the board that runs its files, or a GPU.

use runtime::format::Layout;

use super::chips::MHZ;
use super::{BOARDS, Board, BoardError, CHIPS, Chip};

/// NVIDIA GPUs by a word of the name that their driver gives.
const GPUS: &[&str] = &["t4", "a10", "a100", "l4", "l40s", "h100", "h200"];

/// Cycles of a GPU are nanoseconds.
const GPU_CLOCK_HZ: u32 = 1_000_000_000;

/// What `--board` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name on the command line.
    pub name: &'static str,
    /// The chip, where it is one.
    pub chip: Option<&'static Chip>,
    /// The emulated board; none emulates a GPU.
    board: Option<&'static Board>,
}

impl Device {
    /// The board, chip or GPU of this name.
    ///
    /// # Errors
    /// [`BoardError::Unknown`], with the names that there are.
    pub fn find(name: &str) -> Result<Self, BoardError> {
        let board = |name: &str| BOARDS.iter().find(|board| board.name == name);
        let gpu = GPUS.iter().find(|gpu| **gpu == name).map(|name| Self { name, chip: None, board: None });
        let chip = CHIPS.iter().find(|chip| chip.name == name);
        let found = board(chip.map_or(name, |chip| chip.board));
        let emulated = found.map(|board| Self {
            name: chip.map_or(board.name, |chip| chip.name),
            chip,
            board: Some(board),
        });
        emulated.or(gpu).ok_or_else(|| {
            let boards = BOARDS.iter().map(|board| board.name);
            let known: Vec<_> =
                boards.chain(CHIPS.iter().map(|chip| chip.name)).chain(GPUS.iter().copied()).collect();
            BoardError::Unknown { name: name.into(), known: known.join(", ") }
        })
    }

    /// The GPU that a driver calls so.
    pub fn gpu(driver: &str) -> Option<Self> {
        let mut words = driver.split([' ', '-']).map(str::to_lowercase);
        words.find_map(|word| Self::find(&word).ok().filter(|device| device.board.is_none()))
    }

    /// The emulated board.
    ///
    /// # Errors
    /// [`BoardError::NotEmulated`] for a GPU.
    pub fn board(&self) -> Result<&'static Board, BoardError> {
        self.board.ok_or(BoardError::NotEmulated { name: self.name })
    }

    /// Whose latency table is its: the board's, or its own.
    pub fn timed_as(&self) -> &'static str {
        self.board.map_or(self.name, |board| board.name)
    }

    /// How weights are packed for its kernels; GPUs read every packing.
    pub fn layout(&self) -> Layout {
        self.board.map_or(Layout::Rows, Board::layout)
    }

    /// The clock that turns cycles into time.
    pub fn clock_hz(&self) -> u32 {
        let board = self.board.map_or(GPU_CLOCK_HZ, |board| board.clock_hz);
        self.chip.map_or(board, |chip| chip.clock_hz)
    }

    /// Where cycles are counted, and what turns them into time.
    pub fn about_clock(&self) -> String {
        match self.board {
            Some(board) => format!(
                "on emulated {}, at {} MHz, flash wait states not included",
                board.name,
                self.clock_hz() / MHZ
            ),
            None => format!("on {}, in nanoseconds", self.name),
        }
    }

    /// Milliseconds of so many cycles.
    pub fn milliseconds(&self, cycles: u64) -> f64 {
        1e3 * cycles as f64 / f64::from(self.clock_hz())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_has_its_board() {
        for chip in CHIPS {
            let device = Device::find(chip.name).expect("is there");
            let board = device.board().expect("is emulated");
            assert_eq!((board.name, device.clock_hz()), (chip.board, chip.clock_hz));
            assert!(BOARDS.iter().all(|board| board.name != chip.name), "{}", chip.name);
            // Whatever fits the chip fits the emulated board.
            assert!(u64::from(board.arena_bytes) >= chip.ram_bytes, "{}", chip.name);
            assert!(u64::from(board.model.bytes) >= chip.flash_bytes, "{}", chip.name);
        }
    }

    #[test]
    fn boards_are_devices_and_others_are_named() {
        let device = Device::find("mps2-an386").expect("is there");
        assert_eq!((device.name, device.chip, device.clock_hz()), ("mps2-an386", None, 25_000_000));
        let error = Device::find("stm32f44").unwrap_err().to_string();
        assert!(["mps2-an386", "stm32f446", "t4"].iter().all(|name| error.contains(name)), "{error}");
    }

    #[test]
    fn cycles_become_time() {
        let device = Device::find("stm32f446").expect("is there");
        assert_eq!(device.milliseconds(18_000_000), 100.0);
        assert_eq!(
            device.about_clock(),
            "on emulated mps2-an386, at 180 MHz, flash wait states not included"
        );
    }

    #[test]
    fn gpus_are_not_emulated() {
        let device = Device::find("t4").expect("is there");
        assert_eq!(
            (device.timed_as(), device.layout(), device.milliseconds(2_500_000)),
            ("t4", Layout::Rows, 2.5)
        );
        let error = device.board().unwrap_err().to_string();
        assert!(error.contains("t4") && error.contains("--on cuda"), "{error}");
        for (driver, name) in [("Tesla T4", "t4"), ("NVIDIA H200", "h200"), ("NVIDIA A100-SXM4-40GB", "a100")]
        {
            assert_eq!(Device::gpu(driver).map(|device| device.name), Some(name));
        }
        // A word that is a board's name is no GPU.
        assert_eq!(Device::gpu("GeForce microbit"), None);
    }
}
