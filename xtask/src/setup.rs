//! `setup`: the system packages for firmware, emulation and tests; installed when allowed, else the command is printed.

use std::{path::Path, process::Command};

use crate::shell::{self, Outcome, run};

/// A thing that a command needs, and the Debian packages that bring it.
struct Need {
    purpose: &'static str,
    packages: &'static [&'static str],
    met: fn() -> bool,
    /// Whether only tests and checks need it, not a job.
    tests_only: bool,
}

const NEEDS: [Need; 4] = [
    Need {
        purpose: "a compiler for Cortex-M",
        packages: &["rustc-web", "cargo-web", "rust-web-src", "lld"],
        met: has_compiler,
        tests_only: false,
    },
    Need {
        purpose: "an emulator of the boards",
        packages: &["qemu-system-arm"],
        met: || shell::exists("qemu-system-arm"),
        tests_only: false,
    },
    Need {
        purpose: "a disassembler for the audit",
        packages: &["binutils-arm-none-eabi"],
        met: || shell::exists("arm-none-eabi-objdump"),
        tests_only: false,
    },
    Need {
        purpose: "a browser for the tests of the report",
        packages: &["chromium"],
        met: || BROWSERS.iter().any(|name| shell::exists(name)),
        tests_only: true,
    },
];

/// Names of the browser in distributions.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Targets of the boards.
const TARGETS: [&str; 4] =
    ["thumbv6m-none-eabi", "thumbv7m-none-eabi", "thumbv7em-none-eabihf", "thumbv8m.main-none-eabihf"];

/// Installs what is missing for jobs, tests and checks.
pub(crate) fn all() -> Outcome {
    install(|_| true)
}

/// Installs what is missing for a job: nobody waits for a browser to see a network run.
pub(crate) fn job() -> Outcome {
    install(|need| !need.tests_only)
}

fn install(wanted: impl Fn(&Need) -> bool) -> Outcome {
    let needs = || NEEDS.iter().filter(|need| wanted(need));
    let missing: Vec<&Need> = needs().filter(|need| !(need.met)()).collect();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    for need in &missing {
        println!("missing: {}", need.purpose);
    }
    if shell::exists("apt-get") && is_root() {
        let apt_get = |arguments: &[&str]| {
            run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
        };
        // A fresh image has no package lists; a stale one may still install.
        apt_get(&["update", "-qq"]);
        let install_packages =
            [&["install", "-y", "-qq", "--no-install-recommends"], packages.as_slice()].concat();
        if apt_get(&install_packages) == Outcome::Passed && needs().all(|need| (need.met)()) {
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
