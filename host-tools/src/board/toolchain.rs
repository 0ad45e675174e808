//! Finds a compiler for a board: one with the target installed, or one with the standard library's source.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{Board, BoardError, Isa, process::clean_command};

/// A compiler that can build for a target, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    cargo: String,
    rustc: String,
    /// `core` is compiled from source, because the target is not installed.
    build_std: bool,
    /// The toolchain brings no linker of its own.
    system_linker: bool,
}

/// Compilers to ask: the one on the path (rustup's, usually), then the system's own.
const CANDIDATES: [(&str, &str); 2] = [("cargo", "rustc"), ("/usr/bin/cargo", "/usr/bin/rustc")];

impl Toolchain {
    /// The first compiler that builds for `target`, seen from the firmware's folder.
    ///
    /// # Errors
    /// [`BoardError::NoToolchain`], with the commands that install either kind.
    pub fn detect(target: &'static str, folder: &Path) -> Result<Self, BoardError> {
        let candidates = CANDIDATES.map(|(cargo, rustc)| Candidate::probe(cargo, rustc, target, folder));
        let mut known = candidates.iter().flatten();
        known
            .clone()
            .find(|candidate| candidate.has_target)
            .or_else(|| known.find(|candidate| candidate.has_source && candidate.can_link()))
            .map(Candidate::toolchain)
            .ok_or(BoardError::NoToolchain { target })
    }

    /// The compiler that builds a board's firmware in this repository.
    ///
    /// # Errors
    /// Those of [`Self::detect`], or no sources.
    pub fn for_firmware(board: &Board) -> Result<Self, BoardError> {
        Self::detect(board.target, &super::firmware::sources()?)
    }

    /// The compiler's own word for its version.
    pub fn version(&self) -> String {
        let output = clean_command(&self.rustc).arg("--version").output();
        output.map_or_else(|_| self.rustc.clone(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    }

    /// `cargo build` for the board, without the caller's own options.
    pub(super) fn build_command(&self, board: &Board) -> Command {
        let mut command = clean_command(&self.cargo);
        command.arg("build").arg("--release").arg("--target").arg(board.target);
        if self.build_std {
            command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", &self.rustc).arg("-Zbuild-std=core,alloc");
        }
        // Flags, because cargo's configuration keys cannot name a target that has a dot.
        let linker = self.system_linker.then(|| "-Clinker=ld.lld".to_owned());
        let cpu = board.target_cpu.map(|cpu| format!("-Ctarget-cpu={cpu}"));
        // A jump table says in another section where it leads, which `audit` does not follow.
        let jumps = (board.isa() == Isa::RiscV).then(|| "-Cjump-tables=no".to_owned());
        let flags: Vec<String> = linker.into_iter().chain(cpu).chain(jumps).collect();
        if !flags.is_empty() {
            command.env("RUSTFLAGS", flags.join(" "));
        }
        command
    }
}

struct Candidate {
    cargo: &'static str,
    rustc: &'static str,
    has_target: bool,
    has_source: bool,
    own_linker: bool,
}

impl Candidate {
    fn probe(cargo: &'static str, rustc: &'static str, target: &str, folder: &Path) -> Option<Self> {
        let output = clean_command(rustc).args(["--print", "sysroot"]).current_dir(folder).output().ok()?;
        let works = |program: &str| {
            clean_command(program)
                .arg("--version")
                .current_dir(folder)
                .output()
                .is_ok_and(|o| o.status.success())
        };
        if !output.status.success() || !works(cargo) {
            return None;
        }
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        let libraries = sysroot.join("lib/rustlib");
        let own_linker = libraries
            .read_dir()
            .is_ok_and(|hosts| hosts.flatten().any(|host| host.path().join("bin/rust-lld").is_file()));
        Some(Self {
            cargo,
            rustc,
            has_target: libraries.join(target).join("lib").is_dir(),
            has_source: libraries.join("src/rust/library/core/Cargo.toml").is_file(),
            own_linker,
        })
    }

    fn can_link(&self) -> bool {
        self.own_linker || clean_command("ld.lld").arg("--version").output().is_ok_and(|o| o.status.success())
    }

    fn toolchain(&self) -> Toolchain {
        Toolchain {
            cargo: self.cargo.into(),
            rustc: self.rustc.into(),
            build_std: !self.has_target,
            system_linker: !self.own_linker,
        }
    }
}
