//! From a float graph to a model file, as the main job does it, with random samples for calibration.

use host_tools::calibrate::{Grid, Method};
use host_tools::file::Parts;
use host_tools::graph::Graph;
use host_tools::integer::AlignedBytes;
use host_tools::lower::{
    BitPlan, InputForm, LayerBits, Layers, Lowered, Ranges, Recipe, Storage, WeightScales, fold, lower,
};
use kernels::{Dtype, WeightBits};
use runtime::format::Layout;

use super::Random;
use crate::mcu::McuError;

/// Samples that ranges come from.
const SAMPLES: usize = 8;

/// Bits of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Weights of the inner layers.
    pub weights: WeightBits,
    /// Operands of the inner layers.
    pub activations: Dtype,
    /// Weights of the first and the last layer.
    pub first_last: WeightBits,
}

/// A network's model file with one input.
#[derive(Debug)]
pub struct Integers {
    /// Name of the network.
    pub name: String,
    /// The file.
    pub file: AlignedBytes,
    /// Its steps.
    pub lowered: Lowered,
    /// A packed input.
    pub input: Vec<u8>,
}

impl Precision {
    /// The same bits in every layer but the first and the last, which have 8: what the main job does by default.
    pub const fn with_wide_ends(weights: WeightBits, activations: Dtype) -> Self {
        Self { weights, activations, first_last: WeightBits::W8 }
    }

    fn plan(self, layers: &Layers) -> BitPlan {
        let Self { weights, activations, first_last } = self;
        let ends = match first_last {
            WeightBits::W8 => LayerBits { weights: first_last, activations: Dtype::I8 },
            _ => LayerBits { weights: first_last, activations },
        };
        // Outputs are bytes, as in the networks that the peers run.
        BitPlan::uniform(layers, LayerBits { weights, activations }, ends, Dtype::I8, Dtype::I8)
    }
}

impl Integers {
    /// Quantises a network and packs it for the kernels of a board.
    ///
    /// # Errors
    /// Those of lowering.
    pub fn of(graph: &Graph, precision: Precision, layout: Layout) -> Result<Self, McuError> {
        Self::with(graph, layout, |layers| precision.plan(layers))
    }

    /// Quantises a network with any bits.
    ///
    /// # Errors
    /// Those of lowering.
    pub fn with(graph: &Graph, layout: Layout, plan: impl Fn(&Layers) -> BitPlan) -> Result<Self, McuError> {
        let graph = fold(graph).graph;
        let layers = Layers::of(&graph);
        let bits = plan(&layers);
        let mut random = Random::named(&format!("samples of {}", graph.name));
        let samples = random.uniform(SAMPLES * graph.shape(graph.input).len(), 1.0);
        let lowered = integers(&graph, &layers, bits, &samples)
            .map_err(|source| McuError::Lower { model: graph.name.clone(), source })?
            .packed(layout);
        let file = AlignedBytes::copy(&Parts::bare(&lowered).encode()?);
        let input = random.bytes(graph.shape(graph.input).len());
        Ok(Self { name: graph.name, file, lowered, input })
    }
}

fn integers(
    graph: &Graph,
    layers: &Layers,
    bits: BitPlan,
    samples: &[f32],
) -> Result<Lowered, host_tools::lower::LowerError> {
    let storage = Storage::assign(graph, layers, &bits);
    let mut wanted = storage.calibrated(layers);
    wanted.insert((graph.input, Grid::ACT8));
    let output = layers.root(graph.output);
    let ranges = Ranges::calibrate(graph, &wanted, output, Method::MinMax, SAMPLES, samples)?;
    lower(graph, layers, &Recipe { bits, ranges, input: InputForm::Direct, weights: WeightScales::default() })
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::*;

    #[test]
    fn the_reference_networks_have_their_published_multiplications() {
        let published = [12_501_632, 2_656_768, 7_489_664, 264_192];
        for (model, macs) in Model::TINY.into_iter().zip(published) {
            let precision = Precision::with_wide_ends(WeightBits::W8, Dtype::I8);
            let made = Integers::of(&model.graph(), precision, Layout::Dsp).expect("lowers");
            let sum: u64 = made.lowered.network.infos.iter().map(|info| info.macs).sum();
            assert_eq!(sum, macs, "{}", model.name());
        }
    }

    #[test]
    fn the_same_network_gives_the_same_file() {
        let precision = Precision::with_wide_ends(WeightBits::W4, Dtype::I8);
        let make = || Integers::of(&Model::Extra.graph(), precision, Layout::Dsp).expect("lowers");
        let (a, b) = (make(), make());
        assert_eq!(a.file.as_slice(), b.file.as_slice());
        assert_eq!(a.input, b.input);
    }
}
