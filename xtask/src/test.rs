//! `test`: what runs on the device with overflow checks, everything else optimised, the firmware emulated.
//!
//! The optimised part has the profile of the `quantize` command, so both share one build of their dependencies.

use crate::{
    setup,
    shell::{self, Outcome, cargo, run},
};

/// Packages that are tested in the dev profile: overflow checks and debug assertions are on.
const CHECKED: [&str; 3] = ["sparrowhawk-kernels", "sparrowhawk-runtime", "xtask"];
/// The package of the end-to-end tests.
const END_TO_END: &str = "sparrowhawk-tests";
/// Its test binaries that need what `setup` installs: firmware, an emulator, compilers of kernels, a browser.
const FIRMWARE: [&str; 3] = ["cuda", "firmware", "report"];

/// Host and firmware.
pub(crate) fn all() -> Outcome {
    shell::all(&mut [("host", &mut host), ("firmware", &mut firmware)])
}

/// Everything that needs only this machine.
pub(crate) fn host() -> Outcome {
    let mut device_code = || {
        let mut test = cargo(&["test", "--quiet"]);
        CHECKED.iter().for_each(|name| {
            test.args(["--package", name]);
        });
        run(&mut test)
    };
    let mut host_tools = || {
        let mut test = cargo(&["test", "--quiet", "--release", "--workspace", "--exclude", END_TO_END]);
        CHECKED.iter().for_each(|name| {
            test.args(["--exclude", name]);
        });
        run(&mut test)
    };
    shell::all(&mut [
        ("device code", &mut device_code),
        ("host tools", &mut host_tools),
        ("end to end", &mut || end_to_end(false)),
    ])
}

/// Firmware on every emulated board, kernels of the GPU, and the report in a browser.
pub(crate) fn firmware() -> Outcome {
    if setup::all() != Outcome::Passed {
        return Outcome::Failed;
    }
    end_to_end(true)
}

/// The end-to-end tests that need what `setup` installs, or the others.
fn end_to_end(firmware: bool) -> Outcome {
    let names = match test_binaries() {
        Ok(names) => names,
        Err(error) => {
            eprintln!("xtask: cannot list tests/tests: {error}");
            return Outcome::Failed;
        }
    };
    let mut test = cargo(&["test", "--quiet", "--release", "--package", END_TO_END]);
    if !firmware {
        test.arg("--lib");
    }
    for name in names.iter().filter(|name| FIRMWARE.contains(&name.as_str()) == firmware) {
        test.args(["--test", name]);
    }
    run(&mut test)
}

/// Files, and folders with a `main.rs`.
fn test_binaries() -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(shell::root().join("tests/tests"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let sources = paths.filter(|path| {
        path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file()
    });
    let mut names: Vec<String> =
        sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}
