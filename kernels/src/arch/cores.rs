//! Cores as far as kernels differ. The build script reads this file too: a core is named once, for kernels, and for a host
//! that says what another core runs.

/// A core, by the kernels that it has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// Cortex-M0, M0+ and M1.
    Armv6m,
    /// Cortex-M3.
    Armv7m,
    /// RISC-V of 32 bits with multiplication.
    Rv32im,
    /// With the DSP extension: Cortex-M4, M7 and M33.
    Dsp,
    /// With Helium and the DSP extension: Cortex-M55 and M85.
    Helium,
    /// Any other: portable arithmetic.
    Other,
}

/// Armv8-M cores with the DSP extension; every Armv7E-M core has it.
const DSP_CORES: [&str; 2] = ["cortex-m33", "cortex-m35p"];

/// Armv8-M cores with Helium.
const HELIUM_CORES: [&str; 2] = ["cortex-m55", "cortex-m85"];

impl Core {
    /// The core that rustc builds for: target triple, and the value of `-Ctarget-cpu` where there is one.
    pub fn of(target: &str, cpu: Option<&str>) -> Self {
        let is_one_of = |cores: &[&str]| cpu.is_some_and(|cpu| cores.contains(&cpu));
        let armv8m = target.starts_with("thumbv8m.main");
        if armv8m && is_one_of(&HELIUM_CORES) {
            Self::Helium
        } else if target.starts_with("thumbv7em-") || armv8m && is_one_of(&DSP_CORES) {
            Self::Dsp
        } else if target.starts_with("thumbv7m-") {
            Self::Armv7m
        } else if target.starts_with("thumbv6m-") {
            Self::Armv6m
        } else if target.starts_with("riscv32im") {
            Self::Rv32im
        } else {
            Self::Other
        }
    }
}
