//! `cargo xtask bench train`: milliseconds per image of a whole step of quantization-aware training of ResNet20 (teacher
//! apart), and of PyTorch's float step of the same network where PyTorch is installed.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use host_tools::calibrate::Method;
use host_tools::data::{InputOptions, Part, Spec};
use host_tools::lower::{
    BitPlan, Folded, InputForm, LayerBits, Layers, Ranges, Recipe, Storage, WeightScales, fold, input_form,
};
use host_tools::train::{Control, Event, Loss, Source, TrainOptions, train};
use kernels::{Dtype, WeightBits};
use sparrowhawk_benches::resnet20::resnet20;

const BATCH: usize = 128;
/// Steps of one measurement; the first ones warm up.
const STEPS: usize = 12;
const WARM_UP: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("random.bin");
    std::fs::write(&path, images(BATCH * STEPS))?;
    let spec: Spec = format!("cifar10:{}", path.display()).parse()?;
    let Folded { graph, norms, .. } = fold(&resnet20());
    let layers = Layers::of(&graph);
    let options = InputOptions { shape: Some(graph.shape(graph.input)), ..InputOptions::default() };
    let data = Arc::new(spec.load(Part::Train, &options)?);

    println!("ResNet20, batch {BATCH}, {} threads", rayon_threads());
    for (weights, activations) in
        [(WeightBits::W8, Dtype::I8), (WeightBits::W4, Dtype::I8), (WeightBits::W4, Dtype::U4)]
    {
        let inner = LayerBits { weights, activations };
        let outer = LayerBits { weights: WeightBits::W8, activations: Dtype::I8 };
        let bits = BitPlan::uniform(&layers, inner, outer, Dtype::I8, Dtype::I16);
        let wanted = Storage::assign(&graph, &layers, &bits).calibrated(&layers);
        let mut samples = vec![0.0; 16 * data.shape.len()];
        samples.chunks_exact_mut(data.shape.len()).enumerate().for_each(|(i, s)| data.real(i, s));
        let mut ranges = Ranges::calibrate(&graph, &wanted, graph.output, Method::MinMax, 16, &samples)?;
        let (input, exact) = input_form(data.raw().as_ref());
        if let (InputForm::Direct, Some(params)) = (&input, exact) {
            ranges.set(graph.input, Dtype::I8, params);
        }
        let recipe = Recipe { bits, ranges, input, weights: WeightScales::default() };
        let source = Source { graph: &graph, layers: &layers, norms: &norms, recipe: &recipe };
        let name = format!("w{}a{}", weights.bits(), activations.bits());
        for (loss, what) in [(Loss::CrossEntropy, "step"), (Loss::Distill, "step with the float teacher")] {
            println!("  {name:<5} {what:<28} {:>6.2} ms per image", measure(source, &data, loss)?);
        }
    }
    pytorch();
    Ok(())
}

/// Median over the steps after the warm-up.
fn measure(source: Source, data: &Arc<host_tools::data::Dataset>, loss: Loss) -> Result<f64, Box<dyn Error>> {
    let options =
        TrainOptions { epochs: 1, batch: BATCH, loss, rate: 1e-4, validation: 0, ..TrainOptions::default() };
    let folder = tempfile::tempdir()?;
    let checkpoint = folder.path().join("checkpoint.bin");
    let stop = AtomicBool::new(false);
    let control = Control { seed: 1, checkpoint: &checkpoint, resume: false, stop: &stop };
    let mut times = Vec::new();
    let mut last: Option<Instant> = None;
    train(source, data, &options, control, |event| {
        if let Event::Batch { .. } = event {
            let now = Instant::now();
            times.extend(last.map(|last| (now - last).as_secs_f64()));
            last = Some(now);
        }
    })?;
    let mut steady = times.split_off(WARM_UP.min(times.len()));
    steady.sort_by(f64::total_cmp);
    Ok(1000.0 * steady.get(steady.len() / 2).copied().unwrap_or(f64::NAN) / BATCH as f64)
}

/// Random images in CIFAR-10's binary format.
fn images(count: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    let mut bytes = Vec::with_capacity(count * 3073);
    for i in 0..count {
        bytes.push((i % 10) as u8);
        bytes.extend((0..3072).map(|_| next()));
    }
    bytes
}

fn rayon_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The same network's float step in PyTorch.
fn pytorch() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/train/resnet20.py");
    match Command::new(&python).arg(script).arg(BATCH.to_string()).output() {
        Ok(output) if output.status.success() => print!("{}", String::from_utf8_lossy(&output.stdout)),
        _ => println!("  PyTorch is not installed for `{python}`; name another interpreter in PYTHON"),
    }
}
