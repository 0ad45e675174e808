//! `check`: what must hold before a commit, cheapest first.

use crate::{
    shell::{self, Outcome, cargo, run},
    tidy, tool,
};

/// Every check, even after one failed.
pub(crate) fn all() -> Outcome {
    shell::all(&mut [
        ("format", &mut format),
        ("tidy", &mut tidy::all),
        ("lints", &mut || {
            run(&mut cargo(&[
                "clippy",
                "-q",
                "--release",
                "--workspace",
                "--all-targets",
                "--features",
                "sparrowhawk-benches/cuda",
                "--",
                "-D",
                "warnings",
            ]))
        }),
        ("documentation", &mut || {
            // The other features are devices of training: minutes of building that document nothing of ours.
            let features =
                "sparrowhawk-benches/cuda,sparrowhawk-kernels/conformance,sparrowhawk-runtime/defmt";
            run(cargo(&["doc", "-q", "--release", "--workspace", "--features", features, "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"))
        }),
        ("firmware audit", &mut || tool::run("audit", &[])),
        ("flash of one model's firmware", &mut || {
            let budget = shell::root().join("assets/flash/budget.toml");
            tool::run("size", &["--budget".into(), budget.display().to_string()])
        }),
    ])
}

fn format() -> Outcome {
    let host = run(&mut cargo(&["fmt", "--all", "--check"]));
    let firmware = run(&mut cargo(&["fmt", "--manifest-path", "targets/firmware/Cargo.toml", "--check"]));
    if host == Outcome::Passed { firmware } else { Outcome::Failed }
}
