//! `sparrowhawk inspect`: what is in a model file.

use std::path::PathBuf;

use clap::Args;
use kernels::WeightBits;
use kernels::arch::Core;
use runtime::format::{Layout, Op, Operand, Step};

use super::CommandError;
use super::counting::{against, estimates};
use super::model_file::ModelFile;
use crate::board::Device;
use crate::count::{Cost, Record};
use crate::lower::{Kernel, kernel};
use crate::quantize::Meta;
use crate::report::{main_bits, thousands};

/// Whose cycles are estimated where no device is named.
const CYCLES_OF: &str = "mps2-an386";

/// Show steps, shapes, bits, bytes, MACs and the arena map of a model file.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// Model file
    model: PathBuf,
    /// Emulated board or chip: kernels are named for its core, and cycles are estimated for it [default: mps2-an386 for
    /// cycles, and for kernels the core that the file's packing is for]
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
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
    let named = args.board.as_deref().map(Device::find).transpose()?;
    let (core, note) = core(named.as_ref(), interface.layout);
    if let Some(note) = note {
        println!("  kernels: {note}");
    }
    let device = named.map_or_else(|| Device::find(CYCLES_OF), Ok)?;
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
        let kernel = kernel(&step, interface.layout, core, model.constants());
        println!("  {index:<5}{}", row(&step, kernel, cycles, name));
    }
    Ok(true)
}

/// The core that kernels are named for, and what to say where that leaves a question: no device is named and the packing is
/// that of several cores, or the named one does not run it.
fn core(named: Option<&Device>, layout: Layout) -> (Option<Core>, Option<String>) {
    let Some(device) = named else {
        let several = matches!(layout, Layout::Rows | Layout::Words);
        let note = format!("what all cores that run {layout:?} have; --board names one core's own");
        return (None, several.then_some(note));
    };
    let Ok(board) = device.board() else {
        return (
            None,
            Some(format!("{} has others, see docs/cuda.md; these are those of cores", device.name)),
        );
    };
    let core = board.kernels();
    if core.supports(layout.into()) {
        return (Some(core), None);
    }
    let note = format!(
        "{} ({}) has none for weights packed as {layout:?}; these are those of cores that have",
        device.name, board.core
    );
    (None, Some(note))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_those_of_the_named_board_if_it_runs_the_file() {
        let of = |name: &str, layout| core(Some(&Device::find(name).expect("is there")), layout);
        assert_eq!(of("mps2-an385", Layout::Words), (Some(Core::Armv7m), None));
        assert_eq!(of("stm32f446", Layout::Dsp), (Some(Core::Dsp), None));
        // A core with better kernels runs files for others on portable ones.
        assert_eq!(of("mps2-an386", Layout::Words), (Some(Core::Dsp), None));
        for (name, layout) in
            [("mps2-an385", Layout::Dsp), ("mps3-an547", Layout::Dsp), ("t4", Layout::Words)]
        {
            let (core, note) = of(name, layout);
            assert!(core.is_none() && note.is_some_and(|note| note.contains(name)), "{name}");
        }
    }

    #[test]
    fn a_packing_of_several_cores_is_said_to_be_one() {
        for (layout, several) in
            [(Layout::Rows, true), (Layout::Words, true), (Layout::Dsp, false), (Layout::Mve, false)]
        {
            let (core, note) = core(None, layout);
            assert_eq!(
                (core, note.is_some_and(|note| note.contains("--board"))),
                (None, several),
                "{layout:?}"
            );
        }
    }
}
