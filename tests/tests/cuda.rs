//! Real networks through the CUDA kernels, emulated on this processor: every step beside the host's runtime.

#[path = "../../targets/cuda/tests/emulated/device.rs"]
mod device;

use cuda::Runner;
use device::{AMPERE, Emulated, HOPPER, TURING};
use host_tools::integer::Traced;
use host_tools::verify::{compare, host_traces};
use sparrowhawk_tests::networks::{NETWORKS, SCHEMES, Score, load};

/// Where the kernels' sources are.
const KERNELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels/cuda");

/// Inputs of each network: a whole batch and a part of one.
const INPUTS: usize = 3;
const BATCH: usize = 2;

#[test]
fn every_step_equals_the_host() {
    for scheme in SCHEMES {
        for network in NETWORKS {
            let Some(outcome) = network.quantized(scheme, Score::Few) else { continue };
            let model = load(&outcome.model);
            let inputs = &outcome.inputs[..INPUTS];
            let expected = host_traces(&model, inputs).expect("runs");
            for device in [&TURING, &AMPERE, &HOPPER] {
                let device: &Emulated = device;
                // The last kernel of a step's has the smallest tile, which suits these networks.
                let last = |_: &Emulated, launches: &[cuda::Launch]| Ok(launches.len() - 1);
                let mut runner = Runner::new(device, &model, BATCH, last).expect("plans");
                let traces = runner.traces(inputs).expect("runs");
                let got: Vec<Traced> = traces
                    .into_iter()
                    .map(|trace| Traced { crcs: trace.crcs, output: trace.output })
                    .collect();
                let difference = compare(&model, &expected, &got);
                assert_eq!(difference, None, "{network:?} {scheme} on sm_{}", cuda::Device::arch(device));
            }
            println!("{network:?} {scheme}: {} steps equal on {INPUTS} inputs", model.step_count());
        }
    }
}
