//! `test`: the workspace on the host, then the firmware under emulation.

use crate::{
    setup,
    shell::{self, Outcome, cargo, run},
};

/// Test binary of the `tests` package that needs firmware and an emulator.
const FIRMWARE: &str = "firmware";

/// Host and firmware.
pub(crate) fn all() -> Outcome {
    shell::all(&mut [("host", &mut host), ("firmware", &mut firmware)])
}

/// Everything that needs only this machine.
pub(crate) fn host() -> Outcome {
    if shell::exists("cargo-nextest") {
        let filter = format!("not binary(={FIRMWARE})");
        let tests = run(&mut cargo(&["nextest", "run", "--workspace", "--no-tests=pass", "-E", &filter]));
        let examples = run(&mut cargo(&["test", "--quiet", "--workspace", "--doc"]));
        return if tests == Outcome::Passed { examples } else { Outcome::Failed };
    }
    let mut libraries =
        || run(&mut cargo(&["test", "--quiet", "--workspace", "--exclude", "sparrowhawk-tests"]));
    let mut end_to_end = || {
        let Ok(mut names) = end_to_end_tests() else { return Outcome::Failed };
        names.retain(|name| name != FIRMWARE);
        let mut test = cargo(&["test", "--quiet", "--package", "sparrowhawk-tests", "--lib"]);
        names.iter().for_each(|name| {
            test.args(["--test", name]);
        });
        run(&mut test)
    };
    shell::all(&mut [("libraries", &mut libraries), ("end to end", &mut end_to_end)])
}

/// Firmware on every emulated board.
pub(crate) fn firmware() -> Outcome {
    if setup::all() != Outcome::Passed {
        return Outcome::Failed;
    }
    run(&mut cargo(&["test", "--quiet", "--package", "sparrowhawk-tests", "--test", FIRMWARE]))
}

fn end_to_end_tests() -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(shell::root().join("tests/tests"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let names = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    Ok(names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect())
}
