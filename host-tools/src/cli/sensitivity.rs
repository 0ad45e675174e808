//! `sparrowhawk sensitivity`: what every layer's bits mean to the loss.

use std::io::IsTerminal;
use std::sync::Mutex;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use super::training::interrupt;
use crate::job::{Job, QuantizeArgs, named};
use crate::sensitivity::{Hooks, Method, SensitivityOptions, Step, sensitivities};

/// Measure what every layer's bits mean to the loss: traces of the Hessian, errors of rounding; without a job the
/// embedded digits
#[derive(Clone, Debug, Args)]
pub struct SensitivityArgs {
    #[command(flatten)]
    job: QuantizeArgs,
    /// Samples for derivatives, evenly spaced over the training data [default: 512]
    #[arg(long, value_name = "COUNT")]
    hessian_samples: Option<usize>,
    /// How traces are found: auto, hutchinson, outputs [default: auto]
    #[arg(long, value_parser = named::<Method>)]
    method: Option<Method>,
    /// Most random probes of weights, and of activations [default: 48]
    #[arg(long, value_name = "COUNT")]
    probes: Option<usize>,
    /// Share of a trace that its standard error may be for probing to end early [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    tolerance: Option<f64>,
    /// Samples for eigenvalues; 0 leaves them out [default: 64]
    #[arg(long, value_name = "COUNT")]
    eigen_samples: Option<usize>,
}

/// Prints the table; the file `sensitivity.json` is in the job's output folder.
///
/// # Errors
/// See [`CommandError`].
pub fn sensitivity(args: &SensitivityArgs) -> Result<bool, CommandError> {
    let job = Job::from_args(&args.job)?;
    let default = SensitivityOptions::default();
    let options = SensitivityOptions {
        samples: args.hessian_samples.unwrap_or(default.samples),
        method: args.method.unwrap_or(default.method),
        probes: args.probes.unwrap_or(default.probes),
        tolerance: args.tolerance.unwrap_or(default.tolerance),
        eigen_samples: args.eigen_samples.unwrap_or(default.eigen_samples),
    };
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
