//! Names what rustc does not say on stable: whether the core has the DSP extension.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(dsp)");
    // Every Armv7E-M core has it. Some Armv8-M cores do too, but naked functions are assembled for the bare
    // architecture there, which has not.
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv7em")) {
        println!("cargo:rustc-cfg=dsp");
    }
}
