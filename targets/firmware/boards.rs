//! The emulated boards: memory map, instruction set and machine. Read by the firmware's build script and by
//! the host tools, so that a board is described once.

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub origin: u32,
    /// Length in bytes.
    pub bytes: u32,
}

/// One board that the firmware runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name on the command line.
    pub name: &'static str,
    /// Processor core, for people.
    pub core: &'static str,
    /// Rust target triple.
    pub target: &'static str,
    /// Value of `-Ctarget-cpu`, where the target's default is not the core.
    pub target_cpu: Option<&'static str>,
    /// Value of QEMU's `-machine`.
    pub machine: &'static str,
    /// Value of QEMU's `-cpu`, where the machine has a choice.
    pub cpu: Option<&'static str>,
    /// Clock of the real board; of `virt`, which is none, that of a usual chip with the core.
    pub clock_hz: u32,
    /// Code and constants.
    pub flash: Region,
    /// Statics, arena and stack.
    pub ram: Region,
    /// Where the model file lies.
    pub model: Region,
    /// The model's region is flash: the emulator puts the file there, the firmware cannot write it.
    pub model_in_flash: bool,
    /// Bytes of the static arena.
    pub arena_bytes: u32,
    /// Optimise for size: flash is scarce.
    pub small: bool,
    /// How weights are packed for the firmware's kernels.
    pub packing: Packing,
}

/// For which kernels weights are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// For portable ones, which need the least RAM.
    Rows,
    /// For those of cores without the DSP extension.
    Words,
    /// For those of the DSP extension.
    Dsp,
    /// For those of Helium.
    Mve,
}

const MIB: u32 = 1 << 20;
const KIB: u32 = 1 << 10;

const MPS2: Board = Board {
    name: "mps2-an385",
    core: "Cortex-M3",
    target: "thumbv7m-none-eabi",
    target_cpu: None,
    machine: "mps2-an385",
    cpu: None,
    clock_hz: 25_000_000,
    flash: Region { origin: 0, bytes: 4 * MIB },
    ram: Region { origin: 0x2000_0000, bytes: 4 * MIB },
    model: Region { origin: 0x2100_0000, bytes: 16 * MIB },
    model_in_flash: false,
    arena_bytes: 3 * MIB,
    small: false,
    packing: Packing::Words,
};

/// Every board, in order of its core.
pub const BOARDS: &[Board] = &[
    Board {
        name: "microbit",
        core: "Cortex-M0",
        target: "thumbv6m-none-eabi",
        target_cpu: None,
        machine: "microbit",
        cpu: None,
        clock_hz: 16_000_000,
        flash: Region { origin: 0, bytes: 64 * KIB },
        ram: Region { origin: 0x2000_0000, bytes: 16 * KIB },
        model: Region { origin: 0x0001_0000, bytes: 192 * KIB },
        model_in_flash: true,
        arena_bytes: 10 * KIB,
        small: true,
        packing: Packing::Rows,
    },
    // ARMv6-M code on a larger core: networks that do not fit the microbit.
    Board {
        name: "mps2-an385-v6m",
        core: "Cortex-M0 code on Cortex-M3",
        target: "thumbv6m-none-eabi",
        ..MPS2
    },
    MPS2,
    Board {
        name: "mps2-an386",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        machine: "mps2-an386",
        packing: Packing::Dsp,
        ..MPS2
    },
    Board {
        name: "mps2-an500",
        core: "Cortex-M7",
        target: "thumbv7em-none-eabihf",
        target_cpu: Some("cortex-m7"),
        machine: "mps2-an500",
        packing: Packing::Dsp,
        model: Region { origin: 0x6000_0000, bytes: 16 * MIB },
        ..MPS2
    },
    Board {
        name: "mps2-an505",
        core: "Cortex-M33",
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m33"),
        machine: "mps2-an505",
        packing: Packing::Dsp,
        clock_hz: 20_000_000,
        flash: Region { origin: 0x1000_0000, bytes: 4 * MIB },
        ram: Region { origin: 0x3800_0000, bytes: 4 * MIB },
        model: Region { origin: 0x8000_0000, bytes: 16 * MIB },
        ..MPS2
    },
    Board {
        name: "mps3-an547",
        core: "Cortex-M55",
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m55"),
        machine: "mps3-an547",
        packing: Packing::Mve,
        clock_hz: 32_000_000,
        flash: Region { origin: 0x1000_0000, bytes: 512 * KIB },
        ram: Region { origin: 0x3100_0000, bytes: 4 * MIB },
        model: Region { origin: 0x7000_0000, bytes: 16 * MIB },
        ..MPS2
    },
    // The emulator starts at the first address of RAM, so code lies there.
    Board {
        name: "virt-rv32imc",
        core: "RV32IMC",
        target: "riscv32imc-unknown-none-elf",
        machine: "virt",
        cpu: Some("lowrisc-ibex"),
        clock_hz: 160_000_000,
        flash: Region { origin: 0x8000_0000, bytes: 4 * MIB },
        ram: Region { origin: 0x8040_0000, bytes: 4 * MIB },
        model: Region { origin: 0x8100_0000, bytes: 16 * MIB },
        ..MPS2
    },
];
