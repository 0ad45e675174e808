//! Names what rustc does not say on stable: the core's instruction set, and whether it has the DSP extension and Helium.

use std::env;

#[path = "src/arch/cores.rs"]
#[allow(unreachable_pub, reason = "the crate exports it")]
mod cores;

use cores::Core;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/arch/cores.rs");
    for name in ["dsp", "armv8m", "mve", "armv6m", "armv7m", "rv32im"] {
        println!("cargo:rustc-check-cfg=cfg({name})");
    }
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let cpu = flags.split('\u{1f}').filter_map(|flag| flag.split_once("target-cpu=")).next_back();
    let names: &[&str] = match Core::of(&target, cpu.map(|(_, cpu)| cpu)) {
        Core::Armv6m => &["armv6m"],
        Core::Armv7m => &["armv7m"],
        Core::Rv32im => &["rv32im"],
        Core::Dsp if target.starts_with("thumbv8m") => &["dsp", "armv8m"],
        Core::Dsp => &["dsp"],
        Core::Helium => &["dsp", "armv8m", "mve"],
        Core::Other => &[],
    };
    for name in names {
        println!("cargo:rustc-cfg={name}");
    }
}
