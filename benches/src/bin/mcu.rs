//! `cargo xtask bench mcu`: counts inference on an emulated microcontroller.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use host_tools::board::{Board, Toolchain};
use host_tools::job::Scheme;
use host_tools::latency::LatencyTable;
use kernels::{Dtype, WeightBits};
use runtime::format::Layout;
use sparrowhawk_benches::mcu::document::document;
use sparrowhawk_benches::mcu::fit;
use sparrowhawk_benches::mcu::measure::Counter;
use sparrowhawk_benches::mcu::models::{Integers, Model, Precision};
use sparrowhawk_benches::mcu::peers::Peer;
use sparrowhawk_benches::mcu::results::{Counted, Results, step_table, summary};
use sparrowhawk_benches::mcu::tools;

/// Counts the instructions of inference on an emulated board, step by step, beside CMSIS-NN's, or beside the portable
/// kernels' where CMSIS-NN does not run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench mcu")]
struct Arguments {
    /// Board
    #[arg(long, default_value = "mps2-an386")]
    board: String,
    /// Network
    #[arg(long, default_value = "all")]
    model: Networks,
    /// Bits of weights and activations; all three when not given
    #[arg(long)]
    scheme: Vec<Scheme>,
    /// Write every number here
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the document here
    #[arg(long)]
    doc: Option<PathBuf>,
    /// Measure all kinds of steps at all bits and write the board's latency table
    #[arg(long)]
    table: bool,
    /// Where the latency table goes [default: assets/latency/BOARD.toml]
    #[arg(long, requires = "table")]
    table_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Networks {
    #[value(name = "resnet8")]
    ResNet8,
    #[value(name = "dscnn")]
    DsCnn,
    Vww,
    Ad,
    All,
}

impl Networks {
    fn models(self) -> Vec<Model> {
        match self {
            Self::ResNet8 => vec![Model::ResNet8],
            Self::DsCnn => vec![Model::DsCnn],
            Self::Vww => vec![Model::Vww],
            Self::Ad => vec![Model::Ad],
            Self::All => Model::TINY.to_vec(),
        }
    }
}

const WEIGHTS: [WeightBits; 3] = [WeightBits::W8, WeightBits::W4, WeightBits::W2];

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let board = Board::find(&arguments.board)?;
    let counter = Counter::new(board)?;
    let tools = tools::versions(board.isa(), &Toolchain::for_firmware(board)?.version());
    if arguments.table {
        let path = arguments.table_file.clone();
        let path = path.unwrap_or_else(|| format!("assets/latency/{}.toml", board.name).into());
        return table(board, &counter, tools, &path);
    }
    let defaults =
        ["w8a8", "w4a8", "w2a8"].map(str::parse).into_iter().collect::<Result<Vec<Scheme>, _>>()?;
    let schemes = if arguments.scheme.is_empty() { &defaults } else { &arguments.scheme };
    let mut counted = Vec::new();
    for model in arguments.model.models() {
        let graph = model.graph();
        for scheme in schemes {
            let (weights, activations) = widths(*scheme)?;
            let precision = Precision::with_wide_ends(weights, activations);
            let count = |layout| counter.count(&Integers::of(&graph, precision, layout)?);
            let own = count(board.layout())?;
            // Without a peer, the portable kernels say what the board's own are worth.
            let portable = board.layout() != Layout::Rows && !Peer::is_on(board.name);
            let portable = portable.then(|| count(Layout::Rows)).transpose()?;
            let one = Counted { model, scheme: scheme.to_string(), weights, count: own, portable };
            println!("{}", step_table(&one));
            counted.push(one);
        }
    }
    println!("{}", summary(board, &counted));
    let date = tools::date();
    if let Some(path) = &arguments.doc {
        write(path, &document(board, &date, &tools, &counted))?;
    }
    if let Some(path) = &arguments.json {
        write(path, &(serde_json::to_string_pretty(&Results::new(board, date, tools, &counted))? + "\n"))?;
    }
    Ok(())
}

/// Counts all networks at all bits, and fits.
fn table(
    board: &'static Board,
    counter: &Counter,
    tools: Vec<String>,
    path: &Path,
) -> Result<(), Box<dyn Error>> {
    let mut steps = Vec::new();
    for model in Model::TINY.into_iter().chain([Model::Extra]) {
        let graph = model.graph();
        for weights in WEIGHTS {
            for activations in [Dtype::I8, Dtype::U4] {
                let precision = Precision { weights, activations, first_last: weights };
                let network = Integers::of(&graph, precision, board.layout())?;
                let count = counter.count(&network)?;
                let cycles = count.steps.iter().map(|step| Some((step.work, step.cost.cycles?)));
                let cycles: Option<Vec<_>> = cycles.collect();
                steps.extend(cycles.ok_or_else(|| format!("{} has no rule for cycles", board.core))?);
                println!(
                    "{} w{}a{}: {} steps",
                    model.name(),
                    weights.bits(),
                    activations.bits(),
                    count.steps.len()
                );
            }
        }
    }
    let entries = fit::entries(&steps);
    for entry in &entries {
        println!("{entry:?}");
    }
    let table = LatencyTable {
        board: board.name.into(),
        core: board.core.into(),
        cycles: "estimated by the Cortex-M4 rules of host-tools/src/count/cycles.rs, no wait states".into(),
        clock_hz: board.clock_hz,
        tools,
        entries,
    };
    let head = format!("# Made by `cargo xtask bench mcu --table --board {}`; do not edit.\n", board.name);
    write(path, &(head + &toml::to_string(&table)?))
}

fn widths(scheme: Scheme) -> Result<(WeightBits, Dtype), Box<dyn Error>> {
    let Scheme::Uniform { weights, activations } = scheme else {
        return Err("`mixed` is no width; name one, such as w4a8".into());
    };
    let weights = WEIGHTS.into_iter().find(|known| known.bits() == u32::from(weights));
    let activations = [Dtype::U4, Dtype::I8].into_iter().find(|known| known.bits() == u32::from(activations));
    weights.zip(activations).ok_or_else(|| format!("{scheme} cannot be counted").into())
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}
