//! `setup`: the system packages for firmware, emulation and tests; installed when allowed, else the command is printed.
//! Also NVRTC, the compiler of the GPU's kernels, from PyPI.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::shell::{self, Outcome, run};

/// A thing that a command needs, and the Debian packages that bring it.
struct Need {
    purpose: &'static str,
    packages: &'static [&'static str],
    met: fn() -> bool,
    /// Whether only tests and checks need it, not a job.
    tests_only: bool,
}

const NEEDS: [Need; 8] = [
    Need {
        purpose: "a compiler for the boards",
        packages: &["rustc-web", "cargo-web", "rust-web-src", "lld"],
        met: has_compiler,
        tests_only: false,
    },
    Need {
        purpose: "an emulator of the Cortex-M boards",
        packages: &["qemu-system-arm"],
        met: || shell::exists("qemu-system-arm"),
        tests_only: false,
    },
    Need {
        purpose: "an emulator of the RISC-V board",
        packages: &["qemu-system-misc"],
        met: || shell::exists("qemu-system-riscv32"),
        tests_only: true,
    },
    Need {
        purpose: "a disassembler for the audit of Cortex-M firmware",
        packages: &["binutils-arm-none-eabi"],
        met: || shell::exists("arm-none-eabi-objdump"),
        tests_only: false,
    },
    Need {
        purpose: "a disassembler for the audit of RISC-V firmware",
        packages: &["binutils-riscv64-unknown-elf"],
        met: || shell::exists("riscv64-unknown-elf-objdump"),
        tests_only: true,
    },
    Need {
        purpose: "a browser for the tests of the report",
        packages: &["chromium"],
        met: || BROWSERS.iter().any(|name| shell::exists(name)),
        tests_only: true,
    },
    Need {
        purpose: "a C++ compiler for the tests of the GPU's kernels on a processor",
        packages: &["g++"],
        met: || shell::exists("c++"),
        tests_only: true,
    },
    Need {
        purpose: "Python's virtual environments, which bring NVRTC",
        packages: &["python3-venv"],
        met: || has_nvrtc() || makes_environments(),
        tests_only: true,
    },
];

/// NVRTC's package: the last of CUDA 12, which takes every architecture from Turing to Hopper.
const NVRTC: &str = "nvidia-cuda-nvrtc-cu12==12.9.86";

/// Names of the browser in distributions.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Targets of the boards.
const TARGETS: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabihf",
    "riscv32imc-unknown-none-elf",
];

/// Installs what is missing for jobs, tests and checks.
pub(crate) fn all() -> Outcome {
    let packages = install(|_| true);
    let compiler = nvrtc();
    if packages == Outcome::Passed { compiler } else { packages }
}

/// NVRTC in `target/nvrtc`, where the CUDA backend looks for it.
fn nvrtc() -> Outcome {
    if has_nvrtc() {
        return Outcome::Passed;
    }
    println!("installing {NVRTC} into target/nvrtc");
    let environment = nvrtc_folder();
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&environment)) == Outcome::Passed;
    let pip = ["install", "--quiet", "--disable-pip-version-check", NVRTC];
    if made && run(Command::new(environment.join("bin/pip")).args(pip)) == Outcome::Passed && has_nvrtc() {
        return Outcome::Passed;
    }
    println!(
        "NVRTC is missing; by hand:\n    python3 -m venv target/nvrtc && target/nvrtc/bin/pip install {NVRTC}"
    );
    Outcome::Failed
}

fn nvrtc_folder() -> PathBuf {
    shell::root().join("target/nvrtc")
}

fn has_nvrtc() -> bool {
    let pythons = std::fs::read_dir(nvrtc_folder().join("lib")).into_iter().flatten().flatten();
    let library = "site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.12";
    pythons.into_iter().any(|python| python.path().join(library).is_file())
}

fn makes_environments() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip"])
        .output()
        .is_ok_and(|output| output.status.success())
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
