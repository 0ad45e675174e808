//! Real chips by name: their memories and clock, and the emulated board that runs their files.

use super::{BOARDS, Board, BoardError};

/// A microcontroller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Name on the command line.
    pub name: &'static str,
    /// Emulated board with its core: it runs the chip's files, and its counts stand for the chip's.
    pub board: &'static str,
    /// Highest clock.
    pub clock_hz: u32,
    /// Flash for code and constants, the firmware's own included.
    pub flash_bytes: u64,
    /// RAM in one piece, the firmware's stack and statics included.
    pub ram_bytes: u64,
}

const KIB: u64 = 1 << 10;
const MHZ: u32 = 1_000_000;

const fn chip(name: &'static str, board: &'static str, mhz: u32, flash_kib: u64, ram_kib: u64) -> Chip {
    Chip { name, board, clock_hz: mhz * MHZ, flash_bytes: flash_kib * KIB, ram_bytes: ram_kib * KIB }
}

/// Every chip, in order of its core. The figures are those of the data sheets; of the rp2040, the 2 MiB of the Pico's
/// external flash.
pub const CHIPS: &[Chip] = &[
    chip("rp2040", "mps2-an385-v6m", 133, 2048, 264),
    chip("stm32f103", "mps2-an385", 72, 64, 20),
    chip("nrf52840", "mps2-an386", 64, 1024, 256),
    chip("stm32f411", "mps2-an386", 100, 512, 128),
    chip("stm32f446", "mps2-an386", 180, 512, 128),
    chip("stm32l4r5", "mps2-an386", 120, 2048, 640),
    chip("stm32f746", "mps2-an500", 216, 1024, 320),
    chip("stm32u585", "mps2-an505", 160, 2048, 768),
];

/// What `--board` names: an emulated board, or a chip with the board that runs its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name on the command line.
    pub name: &'static str,
    /// The emulated board.
    pub board: &'static Board,
    /// The chip, where it is one.
    pub chip: Option<&'static Chip>,
}

impl Device {
    /// The board or chip of this name.
    ///
    /// # Errors
    /// [`BoardError::Unknown`], with the names that there are.
    pub fn find(name: &str) -> Result<Self, BoardError> {
        let board = |name: &str| BOARDS.iter().find(|board| board.name == name);
        let chip = CHIPS.iter().find(|chip| chip.name == name);
        let found = board(chip.map_or(name, |chip| chip.board));
        found.map(|board| Self { name: chip.map_or(board.name, |chip| chip.name), board, chip }).ok_or_else(
            || {
                let boards = BOARDS.iter().map(|board| board.name);
                let known: Vec<_> = boards.chain(CHIPS.iter().map(|chip| chip.name)).collect();
                BoardError::Unknown { name: name.into(), known: known.join(", ") }
            },
        )
    }

    /// The clock that turns cycles into time.
    pub fn clock_hz(&self) -> u32 {
        self.chip.map_or(self.board.clock_hz, |chip| chip.clock_hz)
    }

    /// Where cycles are counted, and what turns them into time.
    pub fn about_clock(&self) -> String {
        format!(
            "on emulated {}, at {} MHz, flash wait states not included",
            self.board.name,
            self.clock_hz() / MHZ
        )
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
            assert_eq!((device.board.name, device.clock_hz()), (chip.board, chip.clock_hz));
            assert!(BOARDS.iter().all(|board| board.name != chip.name), "{}", chip.name);
            // Whatever fits the chip fits the emulated board.
            assert!(u64::from(device.board.arena_bytes) >= chip.ram_bytes, "{}", chip.name);
            assert!(u64::from(device.board.model.bytes) >= chip.flash_bytes, "{}", chip.name);
        }
    }

    #[test]
    fn boards_are_devices_and_others_are_named() {
        let device = Device::find("mps2-an386").expect("is there");
        assert_eq!((device.name, device.chip, device.clock_hz()), ("mps2-an386", None, 25_000_000));
        let error = Device::find("stm32f44").unwrap_err().to_string();
        assert!(error.contains("mps2-an386") && error.contains("stm32f446"), "{error}");
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
}
