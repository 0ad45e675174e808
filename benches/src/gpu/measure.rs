//! One model at one batch: checked against the host where asked for, then timed as a whole and step by step.

use cuda::{Gpu, Runner};
use host_tools::integer::{Traced, run_traced};
use host_tools::verify;
use runtime::Model;
use serde::Serialize;

use super::GpuError;
use crate::mcu::models::Random;

/// Measurements of one time; their quartiles are shown.
const SAMPLES: usize = 20;
/// Runs of the whole network in one measurement.
const RUNS: usize = 10;
/// Runs of one step in one measurement: steps are short.
const STEP_RUNS: usize = 30;

/// Times of one model at one batch.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Network.
    pub name: String,
    /// Its bits.
    pub scheme: String,
    /// Images at a time.
    pub batch: usize,
    /// Multiply-adds of an image.
    pub macs: u64,
    /// Quartiles of a batch's time.
    pub milliseconds: [f64; 3],
    /// Inputs whose every step equals the host.
    pub checked: usize,
    /// Steps in order.
    pub steps: Vec<StepTime>,
}

/// Times of one step.
#[derive(Clone, Debug, Serialize)]
pub struct StepTime {
    /// Operator.
    pub op: &'static str,
    /// Kernel.
    pub kernel: String,
    /// Multiply-adds of an image.
    pub macs: u64,
    /// Quartiles.
    pub milliseconds: [f64; 3],
}

impl Measured {
    /// 10^12 operations a second, a multiply-add being two.
    pub fn tera_operations(&self) -> f64 {
        2.0 * self.macs as f64 * self.batch as f64 / self.milliseconds[1] / 1e9
    }
}

/// Checks and times a model.
///
/// # Errors
/// See [`GpuError`].
pub fn measure(
    gpu: &Gpu,
    (name, scheme): (&str, &str),
    model: &Model,
    batch: usize,
    check: usize,
) -> Result<Measured, GpuError> {
    let bytes = model.interface().input.spec().bytes().unwrap_or(0) as usize;
    let mut random = Random::named(&format!("{name} {scheme}"));
    let mut runner = Runner::fastest(gpu, model, batch)?;
    // The images of the timed batch are random too: what is multiplied changes power, and so clocks.
    let images: Vec<Vec<u8>> = (0..batch.max(check)).map(|_| random.bytes(bytes)).collect();
    let traces: Vec<Traced> = runner
        .traces(&images[..check])?
        .into_iter()
        .map(|trace| Traced { crcs: trace.crcs, output: trace.output })
        .collect();
    let expected = verify::host_traces(model, &images[..check])?;
    if let Some(difference) = verify::compare(model, &expected, &traces) {
        let name = format!("{name} {scheme}");
        return Err(GpuError::Differs { name, batch, difference: difference.to_string() });
    }
    runner.outputs(&images[..batch], |_| {})?;
    let milliseconds = gpu.times(SAMPLES, RUNS, || runner.start())?;
    let mut steps = Vec::new();
    for (index, (step, launch)) in runner.plan().steps.iter().zip(runner.launches()).enumerate() {
        let milliseconds = runner.step_milliseconds(index, SAMPLES, STEP_RUNS)?;
        steps.push(StepTime { op: step.op, kernel: launch.label(), macs: step.macs, milliseconds });
    }
    gpu.wait()?;
    let macs = runner.plan().steps.iter().map(|step| step.macs).sum();
    let (name, scheme) = (name.to_owned(), scheme.to_owned());
    Ok(Measured { name, scheme, batch, macs, milliseconds, checked: check, steps })
}

/// Milliseconds that the host's executor needs for one image on one core.
///
/// # Errors
/// Those of the runtime.
pub fn host_milliseconds(model: &Model) -> Result<f64, GpuError> {
    let bytes = model.interface().input.spec().bytes().unwrap_or(0) as usize;
    let input = Random::named("host").bytes(bytes);
    let start = std::time::Instant::now();
    run_traced(model, &input)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
