//! Names what rustc does not say on stable: the core's instruction set, and whether it has the DSP extension and Helium.

use std::env;

/// Armv8-M cores with it; every Armv7E-M core has it.
const CORES: [&str; 4] = ["cortex-m33", "cortex-m35p", "cortex-m55", "cortex-m85"];

/// Those of them with Helium.
const VECTOR_CORES: [&str; 2] = ["cortex-m55", "cortex-m85"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(dsp)");
    println!("cargo:rustc-check-cfg=cfg(armv8m)");
    println!("cargo:rustc-check-cfg=cfg(mve)");
    println!("cargo:rustc-check-cfg=cfg(armv6m)");
    println!("cargo:rustc-check-cfg=cfg(armv7m)");
    println!("cargo:rustc-check-cfg=cfg(rv32im)");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let core = flags.split('\u{1f}').filter_map(|flag| flag.split_once("target-cpu=")).next_back();
    let is_one_of = |cores: &[&str]| core.is_some_and(|(_, core)| cores.contains(&core));
    let armv8m = target.starts_with("thumbv8m.main") && is_one_of(&CORES);
    if armv8m {
        println!("cargo:rustc-cfg=armv8m");
    }
    if armv8m && is_one_of(&VECTOR_CORES) {
        println!("cargo:rustc-cfg=mve");
    }
    for (prefix, name) in [("thumbv6m-", "armv6m"), ("thumbv7m-", "armv7m")] {
        if target.starts_with(prefix) {
            println!("cargo:rustc-cfg={name}");
        }
    }
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if target.starts_with("riscv32") && features.split(',').any(|feature| feature == "m") {
        println!("cargo:rustc-cfg=rv32im");
    }
    if armv8m || target.starts_with("thumbv7em") {
        println!("cargo:rustc-cfg=dsp");
    }
}
