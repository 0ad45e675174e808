//! What the times are set beside: HAWQ-V3's published ones, PyTorch and TensorRT where they are installed, the chip's own peak.

use std::path::Path;
use std::process::Command;

use cuda::{Device, Gpu};
use serde::Deserialize;

use super::resnet::{Bits, Network};

/// Milliseconds for a batch of 8 on a T4 that HAWQ-V3 publishes (README of its repository; TVM on tensor cores).
pub fn hawq_t4(network: Network, bits: Bits) -> f64 {
    match (network, bits) {
        (Network::ResNet18, Bits::Int8) => 3.3,
        (Network::ResNet18, Bits::Mixed) => 2.7,
        (Network::ResNet18, Bits::Int4) => 2.2,
        (Network::ResNet50, Bits::Int8) => 8.5,
        (Network::ResNet50, Bits::Mixed) => 6.9,
        (Network::ResNet50, Bits::Int4) => 5.8,
    }
}

/// The chip's integer peak in 10^12 operations a second at its highest clock, for bytes and for nibbles; `None` for an
/// architecture whose figures have no source here.
///
/// Operations of a multiprocessor in a clock follow from what NVIDIA publishes for the T4, the A100 and the H100
/// (docs/cuda.md, "Peaks"). Hopper has no tensor cores for nibbles: they are multiplied as bytes at best.
pub fn peak(gpu: &Gpu) -> Option<[f64; 2]> {
    let (bytes, nibbles) = match gpu.arch() {
        75 => (2048.0, 4096.0),
        80 => (4096.0, 8192.0),
        90 => (8192.0, 8192.0),
        _ => return None,
    };
    let clocks = f64::from(gpu.multiprocessors()) * f64::from(gpu.clock_khz()) * 1e3 / 1e12;
    Some([bytes * clocks, nibbles * clocks])
}

/// A program that runs the same networks on the same GPU: a script in `benches/gpu`.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// In half precision: it has no integer convolutions on a GPU.
    PyTorch,
    /// With 8-bit weights and activations.
    TensorRt,
}

/// What a script prints.
#[derive(Clone, Debug, Deserialize)]
pub struct Timed {
    /// Version of the program.
    pub version: String,
    /// Milliseconds of a batch.
    pub milliseconds: f64,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::PyTorch, Self::TensorRt];

    /// Its name and what it computes with.
    pub fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::PyTorch => ("PyTorch", "in half precision"),
            Self::TensorRt => ("TensorRT", "with bytes"),
        }
    }

    /// Time of a batch on the same GPU, as a recorded graph.
    ///
    /// # Errors
    /// What is missing.
    pub fn time(self, network: Network, batch: usize) -> Result<Timed, String> {
        let script = match self {
            Self::PyTorch => "gpu/with_pytorch.py",
            Self::TensorRt => "gpu/with_tensorrt.py",
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let output = Command::new("python3").arg(path).args([network.name(), &batch.to_string()]).output();
        let output = output.map_err(|error| format!("python3: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(text.lines().last().unwrap_or("python3 failed").to_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("benches/{script}: {error}"))
    }
}
