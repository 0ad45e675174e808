//! `sparrowhawk run`: a model file on the host, a GPU or an emulated board, every step compared with the host.

use std::path::PathBuf;

use clap::Args;

use super::CommandError;
use super::counting::count;
use super::model_file::ModelFile;
use crate::board::{self, Device, RunOptions};
use crate::data::Spec;
use crate::integer::Traced;
use crate::verify;
use runtime::Model;

/// Where to run.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// `host`, `cuda`, an emulated board, or a chip such as stm32f446
    #[arg(long, value_name = "WHERE", default_value = "mps2-an386")]
    pub(super) on: String,
    /// Inputs that a GPU takes at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
}

/// Run a model file and compare every step with the host; on an emulated board also count its instructions and
/// cycles, which `inspect` then shows beside the estimate
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Model file
    model: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Inputs [default: the golden vectors of the file]
    #[arg(long, value_name = "SPEC")]
    data: Option<Spec>,
    /// How many samples of the data
    #[arg(long, default_value_t = 1)]
    count: usize,
}

impl Place {
    /// Traces of all inputs there, and a line about the place.
    pub(super) fn traces(
        &self,
        bytes: &[u8],
        model: &Model,
        inputs: &[Vec<u8>],
    ) -> Result<(Vec<Traced>, String), CommandError> {
        if self.on == "host" {
            let about = format!("host: arena {} B", model.arena_bytes());
            return Ok((verify::host_traces(model, inputs)?, about));
        }
        if self.on == "cuda" {
            return super::gpu::traces(model, inputs, self.batch);
        }
        let device = Device::find(&self.on)?;
        let (name, board) = (device.name, device.board()?);
        let run = board::run(board, bytes, inputs, &RunOptions::default())?;
        let stands = if name == board.name { String::new() } else { format!(" for {name}") };
        let about = format!(
            "{} (emulated{stands}): arena {} B, stack {} B",
            board.name, run.arena_bytes, run.stack_bytes
        );
        Ok((verify::board_traces(run), about))
    }
}

/// Prints outputs and CRCs; false when the place differs from the host.
///
/// # Errors
/// See [`CommandError`].
pub fn run(args: &RunArgs) -> Result<bool, CommandError> {
    let file = ModelFile::read(&args.model)?;
    let model = file.model()?;
    let inputs = file.inputs(args.data.as_ref(), args.count)?;
    let (traces, about) = args.place.traces(file.bytes(), &model, &inputs)?;
    println!("{about}");
    for (index, trace) in traces.iter().enumerate() {
        let output: Vec<String> = outputs(&model, trace).iter().map(i32::to_string).collect();
        println!("input {index}: output {}", output.join(" "));
        let crcs: Vec<String> = trace.crcs.iter().map(|crc| format!("{crc:08x}")).collect();
        println!("  CRC of every step: {}", crcs.join(" "));
    }
    let difference = verify::compare(&model, &verify::host_traces(&model, &inputs)?, &traces);
    match &difference {
        None => println!("identical to the host: {} inputs, {} steps each", inputs.len(), model.step_count()),
        Some(difference) => println!("differs from the host: {difference}"),
    }
    if let (None, true, Some(input)) =
        (&difference, args.place.on != "host" && args.place.on != "cuda", inputs.first())
    {
        count(&Device::find(&args.place.on)?, &args.model, &model, input)?;
    }
    Ok(difference.is_none())
}

/// Output integers of a trace.
fn outputs(model: &Model, trace: &Traced) -> Vec<i32> {
    let spec = model.interface().output.spec();
    let mut bytes = trace.output.clone();
    let cells = std::cell::Cell::from_mut(bytes.as_mut_slice()).as_slice_of_cells();
    let (h, w, c) = spec.dims.hwc();
    kernels::Tensor::new(spec, cells).map_or(Vec::new(), |tensor| {
        (0..h * w * c).map(|i| tensor.get(i / (w * c), i / c % w, i % c)).collect()
    })
}
