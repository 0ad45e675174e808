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
    let product = budgets.product.iter().find(|product| product.name == "DS-CNN, w8a8").expect("is there");
    let board = Board::find(&product.board).expect("is a board");
    let precision = Precision::with_wide_ends(WeightBits::W8, Dtype::I8);
    let made = Integers::of(&Model::DsCnn.graph(), precision, board.layout()).expect("lowers");
    let model = Loaded::load(made.file.as_slice()).expect("a new file loads");
    assert_eq!(needs(&model, board), product.needs);
}

#[test]
fn other_networks_need_more() {
    let board = Board::find("mps2-an386").expect("is a board");
    let needs_of = |model: Model, weights, activations| {
        let precision = Precision::with_wide_ends(weights, activations);
        let made = Integers::of(&model.graph(), precision, board.layout()).expect("lowers");
        needs(&Loaded::load(made.file.as_slice()).expect("a new file loads"), board)
    };
    let resnet = needs_of(Model::ResNet8, WeightBits::W2, Dtype::I8);
    for need in ["residual", "wide", "w2", "w8"] {
        assert!(resnet.contains(&need), "{need} in {resnet:?}");
    }
    assert!(!resnet.contains(&"depthwise") && !resnet.contains(&"w4"), "{resnet:?}");
    let small = needs_of(Model::DsCnn, WeightBits::W4, Dtype::U4);
    for need in ["u4", "w4", "w8", "portable"] {
        assert!(small.contains(&need), "{need} in {small:?}");
    }
    let mobile = needs_of(Model::Vww, WeightBits::W8, Dtype::I8);
    for need in ["depthwise", "stride2"] {
        assert!(mobile.contains(&need), "{need} in {mobile:?}");
    }
    assert!(!mobile.contains(&"portable"), "{mobile:?}");
}
