//! Training's evaluation pass beside the runtime: the same integers in every step.

use host_tools::file::Parts;
use host_tools::integer::AlignedBytes;
use host_tools::lower::Lowered;
use host_tools::train::{ForwardIntegers, Source, TrainOptions, forward_integers};
use runtime::Model;

/// Runs packed inputs, one after the other in `input`, through training's evaluation pass and through the model file
/// that training would write, and compares every integer of every step. Gives the number of integers compared.
///
/// # Panics
/// When one differs, or when a step is not exact in f32.
pub fn assert_training_equals(name: &str, source: Source, options: &TrainOptions, input: &[u8]) -> usize {
    let pass = forward_integers(source, options, input).unwrap_or_else(|error| panic!("{name}: {error}"));
    let ForwardIntegers { lowered, steps, inexact } = pass;
    assert!(inexact.is_empty(), "{name}: f32 cannot hold {inexact:?}");
    let names: Vec<String> = lowered.network.infos.iter().map(|info| info.name.clone()).collect();
    let file = file_of(lowered);
    let model = Model::load(file.as_slice()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let length = model.interface().input.dims.iter().map(|&d| usize::from(d)).product::<usize>();
    let samples = input.len() / length;
    let mut arena = AlignedBytes::zeroed(model.arena_bytes());
    let mut session = model.session(arena.as_mut_slice()).expect("the arena is large enough");
    let mut compared = 0;
    for (sample, input) in input.chunks_exact(length).enumerate() {
        assert!(session.set_input(input), "{name}: input");
        let check = |step: u32, output: kernels::Tensor| {
            let trained = &steps[step as usize];
            let trained = &trained[sample * (trained.len() / samples)..];
            let (_, w, c) = output.spec().dims.hwc();
            let count = output.spec().dims.hwc().0 * w * c;
            for (i, &integer) in trained.iter().enumerate().take(count) {
                let expected = output.get(i / (w * c), i / c % w, i % c);
                let what = &names[step as usize];
                assert_eq!(integer, expected, "{name}: sample {sample}, step {step} ({what}), element {i}");
            }
            compared += count;
        };
        session.run_with(check).expect("the model runs");
    }
    assert_eq!(steps.len(), model.step_count() as usize, "{name}");
    compared
}

/// The bytes of a model file without golden vectors.
///
/// # Panics
/// When the network does not fit a file.
pub fn file_of(lowered: Lowered) -> AlignedBytes {
    let parts = Parts {
        interface: lowered.interface,
        steps: lowered.network.steps,
        constants: lowered.network.constants.into_bytes(),
        golden: Vec::new(),
        meta: String::new(),
    };
    AlignedBytes::copy(&parts.encode().expect("encodes"))
}
