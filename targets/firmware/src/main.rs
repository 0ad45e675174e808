//! Runs a model file on a board: arguments, files and console come by semihosting.
//!
//! Arguments: `firmware MODEL INPUTS trace|plain`. `MODEL` is a file's name, or `@N` where the N bytes of the
//! model are already in the board's model region. `INPUTS` is a file of packed input tensors back to back.
//! `trace` prints a CRC-32 for every step's output; `plain` runs the untraced loop that `audit` inspects.
//! `firmware conformance SEED CASES`, built with that feature, runs the cases of the core's kernels instead.
//! `count`, in firmware built with that feature, is for `cargo xtask bench mcu`.
//! Every line of output is a keyword and its values; the last is `done` or `error …`, and the exit code agrees.

#![no_std]
#![no_main]

#[cfg(feature = "conformance")]
mod conformance;
mod console;
#[cfg(feature = "count")]
mod count;
mod engine;
mod entry;
mod fault;
mod files;
mod memory;

use semihosting::experimental::env;

use crate::{console::line, engine::Mode, files::FileError};

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let code = match start() {
        Ok(()) => {
            line!("done");
            0
        }
        Err(error) => {
            line!("error {error}");
            1
        }
    };
    semihosting::process::exit(code)
}

fn start() -> Result<(), engine::Error> {
    line!("board {}", memory::BOARD);
    let arguments = env::args::<256>().map_err(|_| FileError::Arguments)?;
    let mut words = &arguments;
    let _program = words.next();
    let model = words.next().and_then(Result::ok).ok_or(FileError::Arguments)?;
    #[cfg(feature = "conformance")]
    if model == "conformance" {
        let mut number = || words.next().and_then(Result::ok).and_then(|word| word.parse::<u32>().ok());
        let (seed, cases) = number().zip(number()).ok_or(FileError::Arguments)?;
        return Ok(conformance::run(seed.into(), cases)?);
    }
    let inputs = words.next().and_then(Result::ok).ok_or(FileError::Arguments)?;
    let mode = match words.next() {
        Some(Ok("trace")) => Mode::Trace,
        Some(Ok("plain")) => Mode::Plain,
        #[cfg(feature = "count")]
        Some(Ok("count")) => Mode::Count,
        _ => return Err(FileError::Arguments.into()),
    };
    // SAFETY: `main` is entered once, and nothing else in the firmware asks for these buffers.
    let (model_region, arena) = unsafe { (memory::model(), memory::arena()) };
    let model = files::model(model, model_region)?;
    engine::run(model, arena, files::Inputs::open(inputs)?, mode)?;
    let (used, have) = memory::stack();
    line!("stack {used} {have}");
    // A full stack may have run into what lies below it.
    if used < have { Ok(()) } else { Err(engine::Error::StackFull { bytes: have }) }
}
