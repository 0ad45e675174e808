//! Declares the commands and starts the real tools; it has no dependency, so that it builds in a second.

mod bench;
mod check;
mod setup;
mod shell;
mod test;
mod tidy;
mod tool;

use std::process::ExitCode;

use shell::Outcome;

const USAGE: &str = "\
usage: cargo xtask COMMAND

a network
  quantize [JOB.toml]      float network -> integers -> model file and report; the digits without a job
  import NET.onnx          what the importer makes of a network; --check lists every unsupported node
  assign [JOB.toml]        the bits of every layer within --flash, --ram, --bops; the front and other choices
  eval MODEL.hawk          accuracy of the integer executor
  inspect MODEL.hawk       steps, shapes, bits, bytes, arena map
  run MODEL.hawk           runs it on the host or a board and compares every step
  sensitivity [JOB.toml]   what every layer's bits mean to the loss: Hessian traces, errors of rounding
  bisect MODEL.hawk        the first step that differs

this project
  bench host|train|assign  speed of inference, of training and of the choice of bits on this machine
  bench mcu                instructions of inference on an emulated board, beside CMSIS-NN's; --help says more
  bench cuda               time of inference on an NVIDIA GPU, layer by layer; --help says more
  size                     flash and RAM of the linked firmware
  audit                    what inference in the linked firmware can reach
  test [host|firmware]     the tests; everything without an argument
  check                    format, lints, documentation, tidiness, audit
  setup                    installs what firmware, emulation and tests need

COMMAND --help says more about those of a network.";

/// Commands of the host tools' own command line.
const TOOL_COMMANDS: [&str; 9] =
    ["import", "eval", "inspect", "run", "sensitivity", "assign", "bisect", "size", "audit"];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match (command.as_str(), rest.as_slice()) {
        ("quantize", _) => quantize(&rest),
        (tool, _) if TOOL_COMMANDS.contains(&tool) => tool::run(tool, &rest),
        ("test", []) => test::all(),
        ("test", [part]) if part == "host" => test::host(),
        ("test", [part]) if part == "firmware" => test::firmware(),
        ("bench", [what, arguments @ ..]) if what == "mcu" => bench::mcu(arguments),
        ("bench", [what, arguments @ ..]) if what == "cuda" => bench::cuda(arguments),
        ("bench", [what]) if what == "host" || what == "train" || what == "assign" => bench::run(what),
        ("check", []) => check::all(),
        ("setup", []) => setup::all(),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            Outcome::Passed
        }
        _ => {
            eprintln!("{USAGE}");
            Outcome::Misused
        }
    };
    outcome.into()
}

/// The main job, with an emulator at its end where one can be installed.
fn quantize(arguments: &[String]) -> Outcome {
    if !arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        // What is missing has been said; the job itself needs none of it.
        setup::job();
    }
    tool::run("quantize", arguments)
}
