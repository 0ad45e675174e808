//! Runs the firmware under QEMU.

use std::{ffi::OsString, fs, path::Path, process::Command, time::Duration};

use super::{
    Board, BoardError, BoardRun, Image, Isa, build_image,
    lines::{LineError, parse},
    process,
};

const MODEL_FILE: &str = "model.hawk";
const INPUT_FILE: &str = "inputs.bin";
/// Thousands of cases, each with a slow reference.
const CONFORMANCE_LIMIT: Duration = Duration::from_secs(900);

/// What the firmware does with every input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Tells the CRC-32 of every step's output.
    Trace,
    /// Runs the loop of a product.
    Plain,
    /// Tells the stack of an inference for every first input of a pair; marks and traces the steps for every
    /// second. Needs firmware of its own, [`Image::Count`].
    Count,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What the firmware does.
    pub mode: Mode,
    /// Stop the emulator after this long.
    pub time_out: Duration,
    /// More arguments for QEMU, such as a plugin that counts instructions.
    pub emulator_arguments: Vec<OsString>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { mode: Mode::Trace, time_out: Duration::from_secs(300), emulator_arguments: Vec::new() }
    }
}

/// Runs a model file on the board, once for every packed input tensor.
///
/// # Errors
/// Whatever kept the board from a result; a firmware that says `error`, faults or hangs is one of them.
pub fn run(
    board: &'static Board,
    model: &[u8],
    inputs: &[Vec<u8>],
    options: &RunOptions,
) -> Result<BoardRun, BoardError> {
    if model.len() > board.model.bytes as usize {
        return Err(BoardError::ModelTooLarge {
            board: board.name,
            need: model.len(),
            have: board.model.bytes,
        });
    }
    let (mode, image) = match options.mode {
        Mode::Trace => ("trace", Image::Product),
        Mode::Plain => ("plain", Image::Product),
        Mode::Count => ("count", Image::Count),
    };
    let firmware = build_image(board, image)?;
    // Plain names in a folder of their own: neither QEMU's options nor the firmware's arguments can quote a path.
    let folder = tempfile::Builder::new()
        .prefix("sparrowhawk-")
        .tempdir()
        .map_err(BoardError::io("cannot create a temporary folder"))?;
    for (name, bytes) in [(MODEL_FILE, model), (INPUT_FILE, &inputs.concat())] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).map_err(BoardError::file("write", &path))?;
    }

    let mut command = emulator(board, &firmware);
    command.current_dir(folder.path());
    let model_argument = if board.model_in_flash {
        let place = format!("loader,file={MODEL_FILE},addr={:#x},force-raw=on", board.model.origin);
        command.arg("-device").arg(place);
        format!("@{}", model.len())
    } else {
        MODEL_FILE.into()
    };
    command.args(&options.emulator_arguments);
    let result = finish(board, command, &[&model_argument, INPUT_FILE, mode], options.time_out)?;
    if result.runs.len() != inputs.len() {
        let what = format!(
            "{} inputs went in, {} were run: is every one a whole input tensor?",
            inputs.len(),
            result.runs.len()
        );
        return Err(BoardError::Protocol { board: board.name, what, log: String::new() });
    }
    Ok(result)
}

/// Runs the conformance cases of the kernels on the board, `cases` of every operator: the tier of the board's core,
/// and how many cases it passed.
///
/// # Errors
/// As [`run`]; a kernel that differs from the reference is what the firmware says.
pub fn conformance(board: &'static Board, seed: u32, cases: u32) -> Result<(String, u32), BoardError> {
    let firmware = build_image(board, Image::Conformance)?;
    let (seed, cases) = (seed.to_string(), cases.to_string());
    let arguments = ["conformance", &seed, &cases];
    let run = finish(board, emulator(board, &firmware), &arguments, CONFORMANCE_LIMIT)?;
    let nothing =
        || BoardError::Protocol { board: board.name, what: "no tier was run".into(), log: String::new() };
    run.tier.ok_or_else(nothing)
}

fn emulator(board: &Board, firmware: &Path) -> Command {
    let (program, _) = board.isa().emulator();
    let mut command = process::clean_command(program);
    command.args(["-machine", board.machine, "-display", "none", "-monitor", "none", "-serial", "none"]);
    if let Some(cpu) = board.cpu {
        command.args(["-cpu", cpu]);
    }
    if board.isa() == Isa::RiscV {
        // Else the emulator's own firmware starts first.
        command.args(["-bios", "none"]);
    }
    command.arg("-kernel").arg(firmware);
    command
}

/// Runs the emulator with the firmware's arguments, and reads what was printed.
fn finish(
    board: &'static Board,
    mut command: Command,
    arguments: &[&str],
    time_out: Duration,
) -> Result<BoardRun, BoardError> {
    let arguments: String = arguments.iter().map(|argument| format!(",arg={argument}")).collect();
    command.arg("-semihosting-config").arg(format!("enable=on,target=native,arg=firmware{arguments}"));
    let (program, package) = board.isa().emulator();
    let done = process::finish(&mut command, time_out).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => BoardError::NoQemu { program, package },
        _ => BoardError::Io { what: format!("cannot start {program}"), source },
    })?;
    if done.timed_out {
        return Err(BoardError::TimeOut {
            board: board.name,
            seconds: time_out.as_secs(),
            last: done.stdout.lines().last().unwrap_or_default().into(),
        });
    }
    let protocol = |what: String| BoardError::Protocol { board: board.name, what, log: done.stderr.clone() };
    let result = parse(&done.stdout, board.name).map_err(|error| match error {
        LineError::Firmware(message) => BoardError::Firmware { board: board.name, message },
        LineError::Unreadable(line) => protocol(format!("a line that the firmware does not print: `{line}`")),
        LineError::CutShort => protocol("the emulator stopped before the firmware was done".into()),
    })?;
    if !done.success {
        return Err(protocol("the firmware was done, but the emulator failed".into()));
    }
    Ok(result)
}
