//! That the kernels which `inspect` names are those that cores run: a step takes as many instructions as on the portable
//! kernels where it is said to run on them, and fewer where not.

use host_tools::board::{Board, BoardError};
use host_tools::lower::kernel;
use kernels::{Dtype, WeightBits};
use runtime::format::Layout;
use sparrowhawk_benches::mcu::McuError;
use sparrowhawk_benches::mcu::measure::Counter;
use sparrowhawk_benches::mcu::models::{Integers, Model, Precision};

#[test]
fn steps_of_layout_words_run_on_the_kernels_that_are_named() {
    let graph = Model::Extra.graph();
    // Two cores whose kernels differ the most: one has those of narrow weights, the other has not.
    for board in ["mps2-an385", "virt-rv32imc"] {
        let board = Board::find(board).expect("is a board");
        let counter = match Counter::new(board) {
            Err(McuError::Board(error @ (BoardError::NoToolchain { .. } | BoardError::NoQemu { .. }))) => {
                println!("skipped: {error}");
                continue;
            }
            counter => counter.expect("builds"),
        };
        for weights in [WeightBits::W8, WeightBits::W4, WeightBits::W2] {
            let precision = Precision { weights, activations: Dtype::I8, first_last: weights };
            let [words, rows] = [Layout::Words, Layout::Rows].map(|layout| {
                let network = Integers::of(&graph, precision, layout).expect("lowers");
                match counter.count(&network) {
                    Err(McuError::Board(error @ BoardError::NoQemu { .. })) => {
                        println!("skipped: {error}");
                        None
                    }
                    count => Some((network, count.expect("runs as on the host").steps)),
                }
            });
            let (Some((network, words)), Some((_, rows))) = (words, rows) else { return };
            let model = runtime::Model::load(network.file.as_slice()).expect("is a model");
            for (index, step) in model.steps().enumerate() {
                let named = kernel(&step, Layout::Words, Some(board.kernels()), model.constants());
                let [own, portable] = [&words, &rows].map(|steps| steps[index].cost.instructions);
                // What leads to the kernel may differ a little.
                let same = own.abs_diff(portable) * 20 < portable;
                let what = format!("{} {weights:?} {index} {} {named}", board.name, step.op.name());
                println!("{what}: {own}, portable {portable}");
                assert_eq!(named.tier == "generic", same, "{what}: {own}, portable {portable}");
                assert!(same || own < portable, "{what}: {own}, portable {portable}");
            }
        }
    }
}
