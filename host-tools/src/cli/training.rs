//! Training on a terminal: a bar where there is one, a line per epoch elsewhere, and the numbers in a file.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::train::{EpochReport, Event};

static STOP: AtomicBool = AtomicBool::new(false);

/// The flag that Ctrl-C sets. A second Ctrl-C ends the program at once.
pub(super) fn interrupt() -> &'static AtomicBool {
    // A handler that cannot be set leaves Ctrl-C as it is: the last epoch's checkpoint stays.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    &STOP
}

/// Shows what training tells.
pub(super) struct Show {
    folder: PathBuf,
    bar: Option<ProgressBar>,
    started: Instant,
    /// When the last batch was done: measuring comes after it.
    trained: Instant,
    samples: usize,
}

impl Show {
    /// For a job whose files are in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            bar: None,
            started: Instant::now(),
            trained: Instant::now(),
            samples: 0,
        }
    }

    /// Shows one event.
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Epoch { epoch, epochs, samples, done } => {
                self.started = Instant::now();
                self.samples = done;
                if std::io::stderr().is_terminal() {
                    let bar = ProgressBar::new(samples as u64).with_position(done as u64);
                    let form = "{prefix} {bar:30} {pos}/{len} {per_sec} {msg} {eta} left";
                    if let Ok(style) = ProgressStyle::with_template(form) {
                        bar.set_style(style);
                    }
                    bar.set_prefix(format!("epoch {}/{epochs}", epoch + 1));
                    self.bar = Some(bar);
                }
            }
            Event::Batch { done, loss, accuracy } => {
                self.trained = Instant::now();
                if let Some(bar) = &self.bar {
                    bar.set_position(done as u64);
                    bar.set_message(format!("loss {loss:.4} accuracy {:.2} %", 100.0 * accuracy));
                }
            }
            Event::Done(report) => self.done(report),
        }
    }

    fn done(&mut self, report: &EpochReport) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let validation = 100.0 * report.validation_accuracy;
        match (report.loss, report.train_accuracy) {
            (Some(loss), Some(accuracy)) => {
                let seconds = (self.trained - self.started).as_secs_f64();
                let trained = (report.samples - self.samples) as f64;
                eprintln!(
                    "epoch {}: loss {loss:.4}, accuracy {:.2} % in training, {validation:.2} % validation (integers), {:.2} ms a sample",
                    report.epoch,
                    100.0 * accuracy,
                    1000.0 * seconds / trained.max(1.0),
                );
            }
            _ => eprintln!("before training: {validation:.2} % validation (integers)"),
        }
        if let Err(error) = self.record(report) {
            eprintln!("the training's numbers cannot be written to {}: {error}", self.folder.display());
        }
    }

    /// One JSON object per line; a new run starts the file anew.
    fn record(&self, report: &EpochReport) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.folder.join("training.jsonl");
        let mut file = match report.epoch {
            0 => File::create(path)?,
            _ => File::options().append(true).create(true).open(path)?,
        };
        writeln!(file, "{}", serde_json::to_string(report)?)
    }
}
