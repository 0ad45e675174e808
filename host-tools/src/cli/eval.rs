//! `sparrowhawk eval`: accuracy of a model file on the integer executor, or on a GPU.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::CommandError;
use super::model_file::{ModelFile, load};
use crate::data::Spec;
use crate::integer;
use crate::quantize::Meta;

/// Measure the accuracy of a model file over a data set.
#[derive(Clone, Debug, Args)]
pub struct EvalArgs {
    /// Model file
    model: PathBuf,
    /// Labelled samples
    #[arg(long, value_name = "SPEC")]
    data: Spec,
    /// Where it runs
    #[arg(long, value_name = "WHERE", default_value = "host")]
    on: On,
    /// Samples that a GPU takes at a time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum On {
    Host,
    Cuda,
}

/// Prints accuracy and confusion matrix.
///
/// # Errors
/// See [`CommandError`].
pub fn eval(args: &EvalArgs) -> Result<bool, CommandError> {
    let file = ModelFile::read(&args.model)?;
    let model = file.model()?;
    let data = load(&model, &args.data)?;
    let [h, w, c] = model.interface().output.dims.map(usize::from);
    data.check_labels(h * w * c)?;
    let bar = progress(data.len());
    let started = Instant::now();
    let done = |samples| bar.inc(samples as u64);
    let (result, place) = match args.on {
        On::Host => (integer::evaluate(&model, &data, done)?, "host".to_owned()),
        On::Cuda => super::gpu::evaluate(&model, &data, args.batch, done)?,
    };
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{place}: {seconds:.2} s, {:.0} samples a second", data.len() as f64 / seconds);
    println!("accuracy {:.2} % ({} of {} samples)\n", 100.0 * result.accuracy(), result.correct, data.len());
    let classes = Meta::of(&model).map(|meta| meta.classes).unwrap_or_default();
    let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    println!("confusion: rows are true classes, columns classes found");
    for (class, row) in result.confusion.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|count| format!("{count:>5}")).collect();
        println!("  {:<12}{}", name(class), cells.concat());
    }
    Ok(true)
}

/// A bar for somebody who watches.
fn progress(samples: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(samples as u64);
    match ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec} {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
