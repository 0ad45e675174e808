//! `setup`: the system packages for firmware and emulation; installed when allowed, else the command is printed.

use std::{path::Path, process::Command};

use crate::shell::{self, Outcome, run};

/// A thing that building or running firmware needs, and the Debian packages that bring it.
struct Need {
    purpose: &'static str,
    packages: &'static [&'static str],
    met: fn() -> bool,
}

const NEEDS: [Need; 3] = [
    Need {
        purpose: "a compiler for Cortex-M",
        packages: &["rustc-web", "cargo-web", "rust-web-src", "lld"],
        met: has_compiler,
    },
    Need {
        purpose: "an emulator of the boards",
        packages: &["qemu-system-arm"],
        met: || shell::exists("qemu-system-arm"),
    },
    Need {
        purpose: "a disassembler for the audit",
        packages: &["binutils-arm-none-eabi"],
        met: || shell::exists("arm-none-eabi-objdump"),
    },
];

/// Targets of the boards.
const TARGETS: [&str; 4] =
    ["thumbv6m-none-eabi", "thumbv7m-none-eabi", "thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf"];

/// Installs what is missing.
pub(crate) fn all() -> Outcome {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.met)()).collect();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    for need in &missing {
        println!("missing: {}", need.purpose);
    }
    if shell::exists("apt-get") && is_root() {
        let install = |arguments: &[&str]| {
            run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
        };
        // A fresh image has no package lists; a stale one may still install.
        install(&["update", "-qq"]);
        let wanted = [&["install", "-y", "-qq", "--no-install-recommends"], packages.as_slice()].concat();
        if install(&wanted) == Outcome::Passed && NEEDS.iter().all(|need| (need.met)()) {
            return Outcome::Passed;
        }
    }
    println!("On Debian:\n    sudo apt-get install {}", packages.join(" "));
    println!("or, for the compiler, with rustup:\n    rustup target add {}", TARGETS.join(" "));
    Outcome::Failed
}

/// Every target is installed, or the system's compiler has the standard library's source.
fn has_compiler() -> bool {
    let library = |rustc: &str| {
        let output =
            Command::new(rustc).args(["--print", "sysroot"]).current_dir(shell::root()).output().ok()?;
        let sysroot = String::from_utf8(output.stdout).ok()?;
        Some(Path::new(sysroot.trim()).join("lib/rustlib"))
    };
    let installed =
        library("rustc").is_some_and(|folder| TARGETS.iter().all(|target| folder.join(target).is_dir()));
    let source =
        library("/usr/bin/rustc").is_some_and(|folder| folder.join("src/rust/library/core").is_dir());
    installed || source && Path::new("/usr/bin/cargo").is_file() && shell::exists("ld.lld")
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
