//! The flash budget is that of the reference networks: it names the features that they need.

use host_tools::audit::{Budgets, needs};
use host_tools::board::Board;
use kernels::{Dtype, WeightBits};
use runtime::Model as Loaded;
use sparrowhawk_benches::mcu::models::{Integers, Model, Precision};

#[test]
fn the_budget_names_what_the_network_needs() {
    let budgets: Budgets =
        toml::from_str(include_str!("../../assets/flash/budget.toml")).expect("is a budget");
    for name in ["DS-CNN, w8a8", "DS-CNN, w8a8, Helium"] {
        let product = budgets.product.iter().find(|product| product.name == name).expect("is there");
        let board = Board::find(&product.board).expect("is a board");
        let precision = Precision::with_wide_ends(WeightBits::W8, Dtype::I8);
        let made = Integers::of(&Model::DsCnn.graph(), precision, board.layout()).expect("lowers");
        let model = Loaded::load(made.file.as_slice()).expect("a new file loads");
        assert_eq!(needs(&model, board), product.needs, "{name}");
    }
}

#[test]
fn other_networks_need_more() {
    let needs_of = |board, model: Model, weights, activations| {
        let board = Board::find(board).expect("is a board");
        let precision = Precision::with_wide_ends(weights, activations);
        let made = Integers::of(&model.graph(), precision, board.layout()).expect("lowers");
        needs(&Loaded::load(made.file.as_slice()).expect("a new file loads"), board)
    };
    let (dsp, helium) = ("mps2-an386", "mps3-an547");
    let resnet = needs_of(dsp, Model::ResNet8, WeightBits::W2, Dtype::I8);
    for need in ["residual", "wide", "w2", "w8"] {
        assert!(resnet.contains(&need), "{need} in {resnet:?}");
    }
    assert!(!resnet.contains(&"depthwise") && !resnet.contains(&"w4"), "{resnet:?}");
    for board in [dsp, helium] {
        let small = needs_of(board, Model::DsCnn, WeightBits::W4, Dtype::U4);
        for need in ["u4", "w4", "w8"] {
            assert!(small.contains(&need), "{need} in {small:?} on {board}");
        }
        // Depthwise layers between nibbles.
        assert_eq!(small.contains(&"portable"), board == helium, "{small:?} on {board}");
        let mobile = needs_of(board, Model::Vww, WeightBits::W8, Dtype::I8);
        assert!(!mobile.contains(&"portable"), "{mobile:?} on {board}");
        assert!(mobile.contains(&"depthwise") && mobile.contains(&"stride2"), "{mobile:?} on {board}");
    }
}
