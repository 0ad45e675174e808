//! Real chips by name: their memories and clock, and the emulated board that runs their files.

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
pub(super) const MHZ: u32 = 1_000_000;

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
