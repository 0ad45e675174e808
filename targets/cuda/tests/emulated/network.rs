//! A whole network through the emulated kernels: every step's CRC is the host's, whatever the batch.

use cuda::{Runner, Trace};
use runtime::{Aligned, Model, trace};

use crate::device::{AMPERE, Emulated, HOPPER, TURING};
use crate::random::Random;

static DIGITS: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../../tests/golden/digits-v1.hawk"));

fn host(model: &Model, input: &[u8]) -> Trace {
    let mut arena = vec![Aligned([0u8; 16]); model.arena_bytes().div_ceil(16)];
    // SAFETY: `Aligned<[u8; 16]>` is 16 bytes without padding.
    let arena = unsafe { std::slice::from_raw_parts_mut(arena.as_mut_ptr().cast::<u8>(), arena.len() * 16) };
    let mut session = model.session(arena).unwrap();
    assert!(session.set_input(input));
    let mut crcs = Vec::new();
    session.run_with(|_, output| crcs.push(trace::crc32_cells(output.cells()))).unwrap();
    Trace { crcs, output: session.output().unwrap().cells().iter().map(std::cell::Cell::get).collect() }
}

fn check(device: &Emulated, batch: usize) {
    let model = Model::load(&DIGITS.0).unwrap();
    let rng = &mut Random(batch as u64);
    let mut inputs: Vec<Vec<u8>> =
        (0..4).map(|_| rng.bytes(model.interface().input.spec().bytes().unwrap() as usize)).collect();
    let golden = model.golden().unwrap();
    let vector = golden.vector(0).unwrap();
    inputs.push(vector.input.to_vec());
    let expected: Vec<Trace> = inputs.iter().map(|input| host(&model, input)).collect();
    let choices = std::cell::Cell::new(0);
    // Every candidate has its turn.
    for turn in 0..4 {
        let mut runner = Runner::new(device, &model, batch, |_, candidates| {
            choices.set(choices.get() + 1);
            Ok(turn % candidates.len())
        })
        .unwrap();
        assert_eq!(runner.traces(&inputs).unwrap(), expected);
        let outputs: Vec<Vec<u8>> = expected.iter().map(|trace| trace.output.clone()).collect();
        assert_eq!(runner.outputs(&inputs, |_| {}).unwrap(), outputs);
    }
    assert!(choices.get() > 0, "no step had more than one kernel");
    assert_eq!(expected[4].output, vector.output);
}

#[test]
fn digits_equal_the_host_in_every_step() {
    for device in [&*TURING, &*AMPERE, &*HOPPER] {
        for batch in [1, 3] {
            check(device, batch);
        }
    }
}

#[test]
fn an_input_of_another_size_is_refused() {
    let model = Model::load(&DIGITS.0).unwrap();
    let mut runner = Runner::new(&*TURING, &model, 2, |_, _| Ok(0)).unwrap();
    let error = runner.traces(&[vec![0; 3]]).unwrap_err().to_string();
    assert_eq!(error, "the network's input has 64 bytes, an input of 3 was given");
}
