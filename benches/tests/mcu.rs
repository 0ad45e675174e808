//! The counter on an emulated board: nothing is lost between the regions, and a second run counts the same.

use host_tools::board::{Board, BoardError};
use host_tools::latency::LatencyTable;
use kernels::{Dtype, WeightBits};
use sparrowhawk_benches::mcu::McuError;
use sparrowhawk_benches::mcu::measure::{Counter, ModelCount};
use sparrowhawk_benches::mcu::models::{Builder, Integers, Precision};

/// A network of a convolution and a dense layer; `None`, with a line that says so, where no emulator is.
fn count_twice() -> Option<[ModelCount; 2]> {
    let (mut net, input) = Builder::new("tiny", [6, 6, 3]);
    let x = net.conv_relu(input, 4, 3, 1);
    let x = net.dense(x, 5);
    let precision = Precision::with_wide_ends(WeightBits::W8, Dtype::I8);
    let board = Board::find("mps2-an386").expect("there is one");
    let network = Integers::of(&net.finish(x), precision, board.layout()).expect("lowers");
    let counter = match Counter::new(board) {
        Err(McuError::Board(error @ (BoardError::NoToolchain { .. } | BoardError::NoQemu { .. }))) => {
            println!("skipped: {error}");
            return None;
        }
        counter => counter.expect("builds"),
    };
    let count = || match counter.count(&network) {
        Err(McuError::Board(error @ BoardError::NoQemu { .. })) => {
            println!("skipped: {error}");
            None
        }
        count => Some(count.expect("runs as on the host")),
    };
    Some([count()?, count()?])
}

#[test]
fn counts_are_complete_and_repeatable() {
    let Some([first, second]) = count_twice() else { return };
    assert_eq!(first, second);
    assert_eq!(first.summed, first.executed);
    assert_eq!(first.steps.len(), 2);
    assert_eq!(first.macs(), 6 * 6 * 4 * 27 + 144 * 5);
    for step in &first.steps {
        // A multiplication cannot take less than half an instruction, nor an instruction less than a cycle.
        assert!(
            2 * step.cost.instructions > step.macs && step.cost.cycles >= Some(step.cost.instructions),
            "{step:?}"
        );
    }
    let total = first.total().instructions;
    assert!(total < first.executed, "the console and loading are not in the steps");
    assert!((16..4096).contains(&first.stack_bytes), "{}", first.stack_bytes);
}

#[test]
fn the_built_in_table_knows_these_steps() {
    let Some([count, _]) = count_twice() else { return };
    let table = LatencyTable::of_board("mps2-an386").expect("is built in");
    for step in &count.steps {
        assert!(table.estimate(&step.work).is_some(), "{:?}", step.work);
    }
}
