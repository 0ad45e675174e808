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
    for feature in features(arguments) {
        cargo.args(["--features", feature]);
    }
    cargo
        .args(["--package", "sparrowhawk-host-tools", "--bin", "sparrowhawk", "--", command])
        .args(arguments);
    shell::run(&mut cargo)
}

/// The cargo features that the arguments need: training on a GPU, running on one.
fn features(arguments: &[String]) -> Vec<&'static str> {
    let device = match value(arguments, "--device") {
        Some("cuda") => Some("train-cuda"),
        Some("wgpu") => Some("train-wgpu"),
        _ => None,
    };
    let on = (value(arguments, "--on") == Some("cuda")).then_some("cuda");
    device.into_iter().chain(on).collect()
}

/// The value of an option, behind it or behind its equals sign.
fn value<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(i, argument)| match argument.strip_prefix(option) {
        Some("") => arguments.get(i + 1).map(String::as_str),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::features;

    #[test]
    fn a_named_gpu_is_a_feature() {
        let of = |line: &str| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            features(&arguments)
        };
        assert_eq!(of("job.toml --device wgpu"), ["train-wgpu"]);
        assert_eq!(of("--device=cuda --qat 1"), ["train-cuda"]);
        assert_eq!(of("model.hawk --on cuda --count 64"), ["cuda"]);
        assert_eq!(of("model.hawk --on=cuda"), ["cuda"]);
        assert!(of("--device cpu").is_empty());
        assert!(of("model.hawk --on host").is_empty());
        assert!(of("--qat 1 --device").is_empty());
    }
}
