//! Training's evaluation pass of real networks beside the runtime: every integer of every step.

use host_tools::integer::encode;
use host_tools::lower::{self, LayerBits, Recipe};
use host_tools::quantize::Prepared;
use host_tools::train::{Source, TrainOptions};
use kernels::{Dtype, WeightBits};
use runtime::Model;
use sparrowhawk_tests::networks::{NETWORKS, Network, SCHEMES, Score};
use sparrowhawk_tests::training::{assert_training_equals, file_of};

/// Inputs of each network and scheme.
const INPUTS: usize = 64;

/// A scheme in which neighbouring layers differ in weights and activations.
const MIXED: &str = "mixed";

fn check(network: Network, scheme: &str) -> Option<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let uniform = if scheme == MIXED { "w4a8" } else { scheme };
    let job = network.job(uniform, Score::Some(INPUTS), folder.path())?;
    let prepared = Prepared::import(&job.model).expect("imports");
    let shape = prepared.graph.shape(prepared.graph.input);
    let calibration = job.load_calibration(shape).expect("loads");
    let mut bits = prepared.widest_bits(&job.quantize).expect("bits");
    if scheme == MIXED {
        let choices = [
            LayerBits { weights: WeightBits::W2, activations: Dtype::I8 },
            LayerBits { weights: WeightBits::W8, activations: Dtype::U4 },
            LayerBits { weights: WeightBits::W4, activations: Dtype::I8 },
        ];
        bits.layers.iter_mut().enumerate().for_each(|(i, bits)| *bits = choices[i % choices.len()]);
    }
    let recipe = prepared.recipe(bits, &job, &calibration).expect("calibrates");
    compare(network, scheme, &prepared, &recipe, &job.load_test(shape).expect("loads"));
    Some(())
}

fn compare(
    network: Network,
    scheme: &str,
    prepared: &Prepared,
    recipe: &Recipe,
    test: &host_tools::data::Dataset,
) {
    let Prepared { graph, layers, norms, .. } = prepared;
    let lowered = lower::lower(graph, layers, recipe).expect("lowers");
    let file = file_of(lowered);
    let model = Model::load(file.as_slice()).expect("loads");
    let input: Vec<u8> =
        (0..test.len().min(INPUTS)).flat_map(|i| encode(&model, test, i).expect("encodes")).collect();
    let source = Source { graph, layers, norms, recipe };
    let name = format!("{network:?} {scheme}");
    let compared = assert_training_equals(&name, source, &TrainOptions::default(), &input);
    println!("{name}: {compared} integers equal on {} inputs", test.len().min(INPUTS));
}

#[test]
fn every_integer_is_the_runtimes() {
    for network in NETWORKS {
        for scheme in SCHEMES.into_iter().chain([MIXED]) {
            check(network, scheme);
        }
    }
}
