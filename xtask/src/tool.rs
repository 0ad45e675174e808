//! Starts the host tools, optimised: training and emulation are slow otherwise.

use crate::shell::{self, Outcome};

/// Runs one command of `sparrowhawk` with its arguments, in the caller's folder.
pub(crate) fn run(command: &str, arguments: &[String]) -> Outcome {
    let manifest = shell::root().join("Cargo.toml");
    let mut cargo = shell::cargo(&["run", "--release"]);
    if shell::root().join("target/release/sparrowhawk").exists() {
        cargo.arg("--quiet");
    } else {
        eprintln!("building the host tools: some minutes the first time");
    }
    // File names on the command line are relative to where the user is.
    if let Ok(here) = std::env::current_dir() {
        cargo.current_dir(here);
    }
    cargo.arg("--manifest-path").arg(manifest);
    if let Some(device) = device(arguments) {
        cargo.args(["--features", device]);
    }
    cargo
        .args(["--package", "sparrowhawk-host-tools", "--bin", "sparrowhawk", "--", command])
        .args(arguments);
    shell::run(&mut cargo)
}

/// The cargo feature of the device that the arguments name; the processor needs none.
fn device(arguments: &[String]) -> Option<&str> {
    let named =
        arguments.iter().enumerate().find_map(|(i, argument)| match argument.strip_prefix("--device") {
            Some("") => arguments.get(i + 1).map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        });
    named.filter(|&name| name == "cuda" || name == "wgpu")
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_named_gpu_is_a_feature() {
        let of = |line: &str| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            device(&arguments).map(str::to_owned)
        };
        assert_eq!(of("job.toml --device wgpu").as_deref(), Some("wgpu"));
        assert_eq!(of("--device=cuda --qat 1").as_deref(), Some("cuda"));
        assert_eq!(of("--device cpu"), None);
        assert_eq!(of("--qat 1 --device"), None);
    }
}
