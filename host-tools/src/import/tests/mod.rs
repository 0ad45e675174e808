//! Tiny networks, built in code, whose import must compute what tract computes.

mod errors;
mod layouts;
mod net;
mod operators;

use std::path::Path;

use tract_onnx::prelude::*;

use super::{Imported, Problem, import_bytes};
use crate::graph::Executor;
use net::{Net, noise};

/// tract's output for one sample in ONNX order.
fn tract(net: &Net, sample: &[f32]) -> TractResult<Vec<f32>> {
    let model = tract_onnx::onnx().parse(&net.proto(), None)?.model.into_optimized()?.into_runnable()?;
    let output = model.run(tvec![Tensor::from_shape(&net.dims, sample)?.into()])?;
    Ok(output[0].try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn import(net: &Net) -> Result<Imported, Vec<Problem>> {
    import_bytes(&net.bytes(), Path::new("."))
}

/// Imports a network, compares three samples with tract, and returns it.
fn check(what: &str, net: Net) -> Imported {
    let imported = import(&net).unwrap_or_else(|p| panic!("{what}: {}", texts(&p).join("\n")));
    let size = net.dims.iter().product();
    let samples: Vec<Vec<f32>> = (0..3).map(|i| noise(size, 100 + i)).collect();
    let stored: Vec<f32> = samples.iter().flat_map(|s| imported.input_from_onnx(s)).collect();
    let outputs = Executor::new(&imported.graph).run(&stored, samples.len()).expect("the input fits");
    for (sample, output) in samples.iter().zip(outputs.chunks_exact(outputs.len() / 3)) {
        let expected = tract(&net, sample).unwrap_or_else(|e| panic!("{what}: tract: {e:?}"));
        let output = imported.output_to_onnx(output);
        assert_eq!(output.len(), expected.len(), "{what}: length");
        for (i, (a, b)) in output.iter().zip(&expected).enumerate() {
            // Both sum in float, in different orders.
            let tolerance = 1e-5 * b.abs().max(1.0);
            assert!((a - b).abs() <= tolerance, "{what}: element {i} is {a}, tract has {b}");
        }
    }
    imported
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|p| format!("{p} [{}]", p.remedy())).collect()
}
