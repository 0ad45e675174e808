//! `sparrowhawk inspect`: what is in a model file.

use std::path::PathBuf;

use clap::Args;
use kernels::WeightBits;
use runtime::format::{Op, Operand, Step};

use super::CommandError;
use super::counting::{against, estimates};
use super::model_file::ModelFile;
use crate::board::Device;
use crate::count::{Cost, Record};
use crate::lower::{Kernel, kernel};
use crate::quantize::Meta;
use crate::report::{main_bits, thousands};

/// Show steps, shapes, bits, bytes, MACs and the arena map of a model file.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// Model file
    model: PathBuf,
    /// Emulated board or chip that cycles are estimated for
    #[arg(long, value_name = "NAME", default_value = "mps2-an386")]
    board: String,
}

/// Prints the file's contents.
///
/// # Errors
/// See [`CommandError`].
pub fn inspect(args: &InspectArgs) -> Result<bool, CommandError> {
    let file = ModelFile::read(&args.model)?;
    let model = file.model()?;
    let meta = Meta::of(&model);
    let interface = model.interface();
    println!("{}: {} B", args.model.display(), thousands(model.file().len() as u64));
    if let Some(meta) = &meta {
        println!("  {} by {}, seed {}", meta.name, meta.made_by, meta.seed);
        let accuracy = (100.0 * meta.float_accuracy, 100.0 * meta.accuracy);
        println!("  accuracy on {}: float {:.2} %, integer {:.2} %", meta.data, accuracy.0, accuracy.1);
    }
    println!(
        "  weights packed as {:?}, constants {} B",
        interface.layout,
        thousands(model.constants().len() as u64)
    );
    println!("  input  {}", describe(&interface.input));
    println!("  output {}", describe(&interface.output));
    println!("  golden vectors: {}", model.golden().map_or(0, |golden| golden.len()));
    println!("  arena {} B", thousands(model.arena_bytes() as u64));
    let device = Device::find(&args.board)?;
    let estimates = estimates(&device, &model);
    if let Some(sum) = estimates.iter().copied().sum::<Option<u64>>() {
        let time = (device.milliseconds(sum), device.about_clock());
        println!(
            "  {}: about {} cycles, {:.2} ms, estimated from counts {}",
            device.name,
            thousands(sum),
            time.0,
            time.1
        );
    }
    let record = Record::of(&args.model, file.bytes());
    let counted = record.on(device.timed_as());
    let sum = counted.and_then(|counted| counted.iter().copied().sum::<Cost>().cycles);
    if let (Some(counted), Some(sum)) = (counted, sum) {
        let time = device.milliseconds(sum);
        println!("  counted {} cycles, {time:.2} ms{}", thousands(sum), against(&estimates, counted));
    }
    println!(
        "\n  {:<5}{:<13}{:<13}{:>12}{:>4}{:>4}{:>9}{:>12}{:>12}{:>12}  {:<24}{:<16}nodes",
        "step",
        "op",
        "kernel",
        "output",
        "w",
        "a",
        "bytes",
        "MACs",
        "cycles est.",
        "counted",
        "arena: in -> out",
        "scratch"
    );
    for (index, step) in model.steps().enumerate() {
        let cycles = [estimates[index], counted.and_then(|all| all.get(index)).and_then(|cost| cost.cycles)];
        let name = meta.as_ref().and_then(|m| m.steps.get(index));
        let kernel = kernel(&step, interface.layout, model.constants());
        println!("  {index:<5}{}", row(&step, kernel, cycles, name));
    }
    Ok(true)
}

fn row(step: &Step, kernel: Kernel, cycles: [Option<u64>; 2], name: Option<&String>) -> String {
    let [h, w, c] = step.output.dims;
    let (bits, bytes) =
        step.op.accumulate().map_or((0, 0), |a| (WeightBits::from(a.width).bits(), a.weights.bytes));
    let dash = |n: u64| if n == 0 { "-".to_owned() } else { thousands(n) };
    let inputs: Vec<String> = step.op.operands().map(|o| o.offset.to_string()).collect();
    let arena = format!("{} -> {}", inputs.join("+"), step.output.offset);
    let scratch = match step.scratch.bytes {
        0 => "-".to_owned(),
        bytes => format!("{bytes} at {}", step.scratch.offset),
    };
    format!(
        "{:<13}{:<13}{:>12}{:>4}{:>4}{:>9}{:>12}{:>12}{:>12}  {arena:<24}{scratch:<16}{}",
        step.op.name(),
        kernel,
        format!("{h}x{w}x{c}"),
        dash(bits.into()),
        main_bits(&step.op),
        dash(bytes.into()),
        dash(macs(step)),
        dash(cycles[0].unwrap_or(0)),
        dash(cycles[1].unwrap_or(0)),
        name.map_or("", String::as_str)
    )
}

/// Multiply-accumulates of a step, padded taps included.
fn macs(step: &Step) -> u64 {
    let [h, w, c] = step.output.dims.map(u64::from);
    let taps = |kernel: [u8; 2]| kernel.map(u64::from).iter().product::<u64>();
    match &step.op {
        Op::Conv2d { taps: t, group_inputs, .. } => h * w * c * taps(t.kernel) * u64::from(*group_inputs),
        Op::Depthwise { taps: t, .. } => h * w * c * taps(t.kernel),
        Op::Dense { x, .. } => c * x.dims.map(u64::from).iter().product::<u64>(),
        _ => 0,
    }
}

fn describe(operand: &Operand) -> String {
    let Operand { offset, dims: [h, w, c], dtype, zero } = operand;
    format!("{h}x{w}x{c} {dtype:?}, zero point {zero}, at byte {offset} of the arena")
}
