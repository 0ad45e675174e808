//! `sparrowhawk sensitivity`: what every layer's bits mean to the loss.

use std::io::IsTerminal;
use std::sync::Mutex;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use super::training::interrupt;
use crate::job::{Job, QuantizeArgs};
use crate::sensitivity::{Hooks, Step, sensitivities};

/// Measure what every layer's bits mean to the loss: traces of the Hessian, errors of rounding; without a job the
/// embedded digits
#[derive(Clone, Debug, Args)]
pub struct SensitivityArgs {
    #[command(flatten)]
    job: QuantizeArgs,
}

/// Prints the table; the file `sensitivity.json` is in the job's output folder.
///
/// # Errors
/// See [`CommandError`].
pub fn sensitivity(args: &SensitivityArgs) -> Result<bool, CommandError> {
    let job = Job::from_args(&args.job)?;
    let options = job.sensitivity.with_eigenvalues(true);
    let show = Show::default();
    let found = sensitivities(&job, options, Hooks { tell: &|step| show.step(step), stop: interrupt() });
    show.clear();
    println!("{}\n  file: {}", found?, job.output.dir.join("sensitivity.json").display());
    Ok(true)
}

/// A bar on a terminal, else a line for every kind of work.
#[derive(Default)]
struct Show(Mutex<Option<(&'static str, ProgressBar)>>);

impl Show {
    fn step(&self, Step { what, done, of }: Step) {
        let Ok(mut shown) = self.0.lock() else { return };
        if shown.as_ref().is_none_or(|(shown, _)| *shown != what) {
            if let Some((_, bar)) = shown.take() {
                bar.finish_and_clear();
            }
            let bar = if std::io::stderr().is_terminal() {
                ProgressBar::new(of as u64)
            } else {
                eprintln!("{what} ...");
                ProgressBar::hidden()
            };
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {percent} % {eta} left") {
                bar.set_style(style);
            }
            bar.set_prefix(what);
            *shown = Some((what, bar));
        }
        if let Some((_, bar)) = shown.as_ref() {
            bar.set_position(bar.position().max(done as u64));
        }
    }

    fn clear(&self) {
        if let Ok(Some((_, bar))) = self.0.lock().as_deref() {
            bar.finish_and_clear();
        }
    }
}
