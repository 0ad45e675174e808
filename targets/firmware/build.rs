//! Turns the chosen board into the linker's memory map and the firmware's constants.

#[path = "boards.rs"]
#[allow(dead_code, reason = "the build needs only the memory map; the host tools read the rest")]
mod boards;

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=SPARROWHAWK_BOARD");
    println!("cargo:rerun-if-changed=boards.rs");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=riscv32.x");
    let name = env::var("SPARROWHAWK_BOARD").unwrap_or_else(|_| "mps2-an386".into());
    let known = || boards::BOARDS.iter().map(|board| board.name).collect::<Vec<_>>().join(", ");
    let board = boards::BOARDS
        .iter()
        .find(|board| board.name == name)
        .ok_or_else(|| format!("SPARROWHAWK_BOARD={name} is not one of {}", known()))?;
    let target = env::var("TARGET")?;
    if target != board.target {
        return Err(format!("board {name} needs --target {}, not {target}", board.target).into());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let memory = format!(
        "MEMORY\n{{\n  FLASH : ORIGIN = {:#010x}, LENGTH = {}\n  RAM : ORIGIN = {:#010x}, LENGTH = {}\n}}\n",
        board.flash.origin, board.flash.bytes, board.ram.origin, board.ram.bytes,
    );
    fs::write(out.join("memory.x"), memory)?;
    let constants = format!(
        "pub const BOARD: &str = {:?};\npub const ARENA_BYTES: usize = {};\n\
         pub const MODEL_ADDRESS: usize = {:#x};\npub const MODEL_BYTES: usize = {};\n\
         pub const MODEL_IN_FLASH: bool = {};\n",
        board.name, board.arena_bytes, board.model.origin, board.model.bytes, board.model_in_flash,
    );
    fs::write(out.join("board.rs"), constants)?;
    println!("cargo:rustc-link-search={}", out.display());
    let script = if target.starts_with("riscv32") {
        fs::copy("riscv32.x", out.join("riscv32.x"))?;
        "riscv32.x"
    } else {
        // Of cortex-m-rt.
        "link.x"
    };
    println!("cargo:rustc-link-arg-bins=-T{script}");
    Ok(())
}
