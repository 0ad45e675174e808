//! `cargo xtask bench cuda`: times inference on an NVIDIA GPU.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use cuda::Gpu;
use cuda::cache::Cache;
use cuda::compile::compile;
use cuda::resources::{Resources, resources};
use cuda::source::Module;
use host_tools::board::Device;
use host_tools::integer::AlignedBytes;
use host_tools::latency::{LatencyTable, Work};
use runtime::Model;
use sparrowhawk_benches::gpu::GpuError;
use sparrowhawk_benches::gpu::document::{Peer, document};
use sparrowhawk_benches::gpu::measure::{Measured, host_milliseconds, measure};
use sparrowhawk_benches::gpu::peers::{Program, hawq_t4};
use sparrowhawk_benches::gpu::resnet::{Bits, Network};
use sparrowhawk_benches::mcu::fit;
use sparrowhawk_benches::mcu::tools::date;

/// Times inference on an NVIDIA GPU, as a whole and step by step.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench cuda")]
struct Arguments {
    /// Model files; without any, networks with random weights
    files: Vec<PathBuf>,
    /// Networks with random weights [default: both]
    #[arg(long)]
    network: Vec<Network>,
    /// Their bits [default: all]
    #[arg(long)]
    bits: Vec<Bits>,
    /// Images at a time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 128])]
    batch: Vec<usize>,
    /// Inputs whose every step is compared with the host before each measurement
    #[arg(long, default_value_t = 0)]
    check: usize,
    /// Compile all kernels for this architecture (75, 80, 86, 89, 90) into the cache, print their registers and end: needs
    /// no GPU
    #[arg(long, value_name = "SM")]
    compile: Option<u32>,
    /// Write every number here
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the document here
    #[arg(long)]
    doc: Option<PathBuf>,
    /// Write a latency table here, fitted to the steps at the first batch; a cycle is a nanosecond
    #[arg(long)]
    table: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench cuda: {error}");
            ExitCode::from(2)
        }
    }
}

/// A network to measure.
struct Subject {
    name: String,
    scheme: String,
    known: Option<(Network, Bits)>,
    file: AlignedBytes,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(arch) = arguments.compile {
        println!("{:<24}registers  local bytes (sm_{arch})", "kernel");
        for module in Module::all() {
            let code = Cache::of("", arch).code(module, || compile(module, arch))?;
            for Resources { kernel, registers, local_bytes } in resources(&code).unwrap_or_default() {
                println!("{kernel:<30}{registers:>3}{local_bytes:>13}");
            }
        }
        return Ok(());
    }
    // First of all: nobody waits for networks to be made where there is no GPU.
    let gpu = Gpu::open(0)?;
    println!("{}", gpu.name());
    let mut all = Vec::new();
    let mut peers = Vec::new();
    let mut steps = Vec::new();
    for subject in subjects(arguments)? {
        let Subject { name, scheme, known, file } = subject;
        let model = Model::load(file.as_slice())
            .map_err(|source| GpuError::Model { path: name.clone().into(), source })?;
        for (turn, &batch) in arguments.batch.iter().enumerate() {
            let measured = measure(&gpu, (&name, &scheme), &model, batch, arguments.check)?;
            println!(
                "{name} {scheme} batch {batch}: {:.3} ms, {:.1} TOP/s, {} inputs equal to the host",
                measured.milliseconds[1],
                measured.tera_operations(),
                measured.checked
            );
            peers.extend(known.filter(|_| batch == 8).map(|(network, bits)| Peer {
                what: format!("{} {}, batch 8: HAWQ-V3, published for a T4", network.name(), bits.name()),
                time: Ok(hawq_t4(network, bits)),
            }));
            if let Some((network, Bits::Int8)) = known {
                peers.extend(Program::ALL.map(|program| beside(program, network, batch)));
            }
            if turn == 0 {
                steps.extend(work(&model, &measured));
            }
            all.push(measured);
        }
        peers.push(Peer {
            what: format!("{name} {scheme}, an image: the host's executor on one core"),
            time: Ok(host_milliseconds(&model)?),
        });
    }
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let text = document(&gpu, &date(), &format!("cargo xtask bench cuda {command}"), &all, &peers);
    match &arguments.doc {
        Some(path) => write(path, &text)?,
        None => println!("\n{text}"),
    }
    if let Some(path) = &arguments.json {
        write(path, &serde_json::to_string_pretty(&all)?)?;
    }
    if let Some(path) = &arguments.table {
        write(path, &table(&gpu, &steps)?)?;
    }
    Ok(())
}

fn subjects(arguments: &Arguments) -> Result<Vec<Subject>, GpuError> {
    let mut subjects = Vec::new();
    for path in &arguments.files {
        let bytes = std::fs::read(path).map_err(|source| GpuError::File { path: path.clone(), source })?;
        subjects.push(Subject {
            name: path.display().to_string(),
            scheme: "file".into(),
            known: None,
            file: AlignedBytes::copy(&bytes),
        });
    }
    let all_networks = [Network::ResNet18, Network::ResNet50];
    let all_bits = [Bits::Int8, Bits::Mixed, Bits::Int4];
    let networks = match arguments.network.as_slice() {
        [] if !arguments.files.is_empty() => &[],
        [] => all_networks.as_slice(),
        some => some,
    };
    for &network in networks {
        let bits = if arguments.bits.is_empty() { all_bits.as_slice() } else { &arguments.bits };
        for &bits in bits {
            println!("making {} {}", network.name(), bits.name());
            let file = network.integers(bits)?.file;
            let (name, scheme) = (network.name().to_owned(), bits.name().to_owned());
            subjects.push(Subject { name, scheme, known: Some((network, bits)), file });
        }
    }
    Ok(subjects)
}

fn beside(program: Program, network: Network, batch: usize) -> Peer {
    let (name, with) = program.describe();
    let what = |version: &str| format!("{}, batch {batch}: {name}{version} {with}", network.name());
    match program.time(network, batch) {
        Ok(timed) => Peer { what: what(&format!(" {}", timed.version)), time: Ok(timed.milliseconds) },
        Err(reason) => Peer { what: what(""), time: Err(reason) },
    }
}

/// The steps' work with their nanoseconds.
fn work(model: &Model, measured: &Measured) -> Vec<(Work, u64)> {
    let times = measured.steps.iter().map(|step| (step.milliseconds[1] * 1e6).round() as u64);
    model.steps().zip(times).map(|(step, time)| (Work::of(&step), time)).collect()
}

fn table(gpu: &Gpu, steps: &[(Work, u64)]) -> Result<String, toml::ser::Error> {
    let (major, minor) = gpu.driver();
    let table = LatencyTable {
        board: Device::gpu(gpu.name()).map_or_else(|| gpu.name().to_lowercase(), |gpu| gpu.name.to_owned()),
        core: gpu.name().to_owned(),
        cycles: "nanoseconds, measured".into(),
        clock_hz: 1_000_000_000,
        tools: vec![format!("driver for CUDA {major}.{minor}")],
        entries: fit::entries(steps),
    };
    let text = toml::to_string(&table)?;
    Ok(format!("# Made by `cargo xtask bench cuda --table FILE`; do not edit.\n{text}"))
}

fn write(path: &Path, text: &str) -> Result<(), GpuError> {
    std::fs::write(path, text).map_err(|source| GpuError::File { path: path.to_owned(), source })
}
