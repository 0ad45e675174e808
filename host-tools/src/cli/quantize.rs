//! `sparrowhawk quantize`: the main job, then a run on the emulated board.

use runtime::Model;

use super::CommandError;
use super::counting::count;
use super::training::{Show, interrupt};
use crate::board::{self, BoardError, Device, RunOptions};
use crate::integer::IntegerError;
use crate::job::{Job, QuantizeArgs};
use crate::quantize::{Hooks, Outcome, quantize as run_job};
use crate::verify;

/// Runs a job, prints its table, runs the file on the job's board; false when the board differs.
///
/// # Errors
/// See [`CommandError`].
pub fn quantize(args: &QuantizeArgs) -> Result<bool, CommandError> {
    let job = Job::from_args(args)?;
    let device = Device::find(&job.target.board)?;
    let stop = interrupt();
    let mut show = Show::new(&job.output.dir);
    let outcome = run_job(
        &job,
        Hooks {
            say: &mut |what| eprintln!("{what} ..."),
            training: &mut |event| show.event(event),
            resume: args.qat.resume,
            stop,
        },
    )?;
    print!("\n{}", outcome.report);
    let trained = if job.train.epochs > 0 { ", training.jsonl, checkpoint.bin" } else { "" };
    println!(
        "\n  files in {}: model.hawk, report.html, report.json, job.toml{trained}\n",
        outcome.folder.display()
    );
    match on_board(&device, &outcome) {
        Err(CommandError::Board(
            error @ (BoardError::NoQemu { .. }
            | BoardError::NoToolchain { .. }
            | BoardError::NotEmulated { .. }),
        )) => {
            println!("  not run on {}: {error}", device.timed_as());
            Ok(true)
        }
        result => result,
    }
}

fn on_board(device: &Device, outcome: &Outcome) -> Result<bool, CommandError> {
    let board = device.board()?;
    let Some(first) = outcome.inputs.first() else {
        println!("  not run on {}: no golden vectors", board.name);
        return Ok(true);
    };
    eprintln!("building firmware and running on {} ...", board.name);
    let model = Model::load(outcome.model.as_slice()).map_err(IntegerError::from)?;
    let run = board::run(board, outcome.model.as_slice(), &outcome.inputs, &RunOptions::default())?;
    let (arena, stack, steps) = (run.arena_bytes, run.stack_bytes, run.steps);
    let traces = verify::board_traces(run);
    if let Some(difference) = verify::compare(&model, &verify::host_traces(&model, &outcome.inputs)?, &traces)
    {
        println!("  {} (emulated) differs from the host: {difference}", board.name);
        return Ok(false);
    }
    println!(
        "  {} (emulated): {steps} steps equal to the host, bit for bit; arena {arena} B, stack {stack} B",
        board.name
    );
    print!("  ");
    count(device, &outcome.folder.join("model.hawk"), &model, first)?;
    Ok(true)
}
