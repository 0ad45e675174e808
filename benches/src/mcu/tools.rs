//! Which programs made a figure.

use std::process::Command;

use host_tools::board::Isa;

/// First line of what a program says about its version; its name where it says nothing.
pub fn version(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or(program).trim().to_owned()
}

/// Emulator, disassembler and firmware's compiler.
pub fn versions(isa: Isa, compiler: &str) -> Vec<String> {
    let [disassembler, _] = isa.disassemblers().map(|one| one.program);
    vec![
        version(isa.emulator().0, &["--version"]),
        version(disassembler, &["--version"]),
        compiler.to_owned(),
    ]
}

/// Today, as `2026-01-31`, in UTC.
pub fn date() -> String {
    version("date", &["-u", "+%F"])
}
