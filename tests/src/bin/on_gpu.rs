//! A model on whatever GPU the driver of this process finds: a process of its own, so that a test can name the driver.
//!
//! `on_gpu MODEL BATCH` runs the golden vectors, compares every step, and prints the GPU and the kernel of each step.
//! Exit code 1 and a line of text say what failed.

use std::error::Error;
use std::process::ExitCode;

use cuda::{Gpu, Runner};
use host_tools::integer::{AlignedBytes, Traced};
use host_tools::verify::{compare, golden_traces};
use runtime::Model;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: on_gpu MODEL BATCH")?;
    let batch = arguments.next().ok_or("usage: on_gpu MODEL BATCH")?.parse()?;
    let file = AlignedBytes::copy(&std::fs::read(path)?);
    let model = Model::load(file.as_slice())?;
    let (inputs, expected) = golden_traces(&model);
    let gpu = Gpu::open(0)?;
    println!("{}", gpu.name());
    let mut runner = Runner::fastest(&gpu, &model, batch)?;
    let traces = runner.traces(&inputs)?;
    let got: Vec<Traced> =
        traces.into_iter().map(|trace| Traced { crcs: trace.crcs, output: trace.output }).collect();
    if let Some(difference) = compare(&model, &expected, &got) {
        return Err(difference.to_string().into());
    }
    // Another run of the recorded graph, on the same input.
    let outputs = runner.outputs(&inputs, |_| ())?;
    if outputs != expected.into_iter().map(|trace| trace.output).collect::<Vec<_>>() {
        return Err("a second run gives other outputs".into());
    }
    runner.launches().iter().for_each(|launch| println!("{}", launch.label()));
    Ok(())
}
