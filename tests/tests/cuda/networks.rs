//! Whole networks through the emulated kernels: every step's CRC is the host's, whatever the batch and the choice of
//! kernels.

use cuda::{Launch, Runner};
use host_tools::integer::Traced;
use host_tools::verify::{compare, golden_traces, host_traces};
use runtime::Model;
use sparrowhawk_tests::networks::{NETWORKS, Network, SCHEMES, Score, blessed, load};
use sparrowhawk_tests::random::Random;

use crate::device::{DEVICES, Emulated, TURING};
use crate::draw::Draw;

/// Runs inputs in batches, each step by the kernel that `choose` names, and compares every step with the host.
fn check(
    device: &Emulated,
    model: &Model,
    inputs: &[Vec<u8>],
    batch: usize,
    choose: impl Fn(&[Launch]) -> usize,
) {
    let expected = host_traces(model, inputs).expect("runs");
    let mut runner = Runner::new(device, model, batch, |_, launches| Ok(choose(launches))).expect("plans");
    let traces = runner.traces(inputs).expect("runs");
    let got: Vec<Traced> =
        traces.into_iter().map(|trace| Traced { crcs: trace.crcs, output: trace.output }).collect();
    let difference = compare(model, &expected, &got);
    assert!(difference.is_none(), "{}: {}", cuda::Device::arch(device), difference.expect("was found"));
}

#[test]
fn every_choice_of_kernels_gives_the_host_s_steps() {
    let file = blessed("digits-v1.hawk");
    let model = load(&file);
    let bytes = model.interface().input.spec().bytes().expect("has a size") as usize;
    let rng = &mut Random::new(1);
    let mut inputs: Vec<Vec<u8>> = (0..4).map(|_| rng.bytes(bytes)).collect();
    inputs.extend(golden_traces(&model).0);
    for device in DEVICES {
        for batch in [1, 3] {
            for turn in 0..4 {
                check(device, &model, &inputs, batch, |launches| turn % launches.len());
            }
        }
    }
}

#[test]
fn outputs_are_those_of_the_golden_vectors() {
    let file = blessed("digits-v1.hawk");
    let model = load(&file);
    let (inputs, traces) = golden_traces(&model);
    let mut runner = Runner::new(&*TURING, &model, 2, |_, launches| Ok(launches.len() - 1)).expect("plans");
    let done = std::cell::Cell::new(0);
    let outputs = runner.outputs(&inputs, |images| done.set(done.get() + images)).expect("runs");
    assert_eq!(outputs, traces.into_iter().map(|trace| trace.output).collect::<Vec<_>>());
    assert_eq!(done.get(), inputs.len());
}

#[test]
fn an_input_of_another_size_is_refused() {
    let file = blessed("digits-v1.hawk");
    let mut runner = Runner::new(&*TURING, &load(&file), 2, |_, _| Ok(0)).expect("plans");
    let error = runner.traces(&[vec![0; 3]]).expect_err("is too short").to_string();
    assert_eq!(error, "the network's input has 64 bytes, an input of 3 was given");
}

/// Every network in every scheme, the architectures in turn: a whole batch and a part of one.
#[test]
fn real_networks_equal_the_host() {
    let jobs = SCHEMES.iter().flat_map(|scheme| NETWORKS.map(|network| (*scheme, network)));
    for (turn, (scheme, network)) in jobs.enumerate() {
        let Some(outcome) = network.quantized(scheme, Score::Few) else { continue };
        let model = load(&outcome.model);
        let inputs = if network == Network::ResNet20 { 1 } else { 3 };
        let inputs = &outcome.inputs[..inputs];
        let device = DEVICES[(turn + turn / NETWORKS.len()) % DEVICES.len()];
        let start = std::time::Instant::now();
        // The last kernel of a step's has the smallest tile, which suits these networks.
        check(device, &model, inputs, inputs.len().min(2), |launches| launches.len() - 1);
        println!("{network:?} {scheme}: {} steps equal, {:?}", model.step_count(), start.elapsed());
    }
}
