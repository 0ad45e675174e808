//! Firmware under emulation: every board gives the host's results, bit for bit, step by step, refuses what is no
//! model, and shows which step of a damaged one is wrong.

use host_tools::board::{BOARDS, Board, BoardError, BoardRun, RunOptions, conformance, run};
use host_tools::integer::AlignedBytes;
use host_tools::verify::{What, board_traces, compare, golden_traces, host_traces};
use runtime::Model;
use runtime::format::{Layout, SectionKind};
use sparrowhawk_tests::damage::{fix_crc, section};
use sparrowhawk_tests::networks::{Network, SCHEMES, Score, load};

/// A model's run on a board; `None`, with a line that says so, where nothing here builds or emulates it.
fn on_board(board: &str, model: &[u8], inputs: &[Vec<u8>]) -> Option<BoardRun> {
    let board = Board::find(board).expect("is a board");
    match run(board, model, inputs, &RunOptions::default()) {
        Ok(result) => Some(result),
        Err(error @ (BoardError::NoQemu { .. } | BoardError::NoToolchain { .. })) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{}: {error}", board.name),
    }
}

/// Every step's CRC, the output and the arena of three inputs on a board are those of the host.
fn equal(network: Network, schemes: &[&'static str], boards: &[&str]) {
    for &scheme in schemes {
        for board in boards {
            let packed_for = Board::find(board).expect("is a board");
            let Some(outcome) = network.quantized_for(scheme, Score::Few, packed_for) else { return };
            let model = load(&outcome.model);
            let host = host_traces(&model, &outcome.inputs).expect("runs");
            assert_eq!(host.len(), 3);
            let Some(run) = on_board(board, outcome.model.as_slice(), &outcome.inputs) else { continue };
            let name = format!("{network:?} {scheme} on {board}");
            println!("{name}: {} steps, arena {} B, stack {} B", run.steps, run.arena_bytes, run.stack_bytes);
            assert_eq!(run.arena_bytes, model.arena_bytes(), "{name}");
            assert_eq!(run.steps, model.step_count() as usize, "{name}");
            let traces = board_traces(run);
            assert_eq!(compare(&model, &host, &traces), None, "{name}");
            assert_eq!(traces, host, "{name}");
        }
    }
}

#[test]
fn kernels_equal_the_reference_on_their_cores() {
    const CASES: u32 = 400;
    let own = [
        ("mps2-an385-v6m", "words"),
        ("mps2-an385", "words"),
        ("mps2-an386", "armv7em"),
        ("mps3-an547", "mve"),
        ("virt-rv32imc", "words"),
    ];
    for (board, tier) in own {
        let board = Board::find(board).expect("is a board");
        match conformance(board, 0x5eed, CASES) {
            Ok(passed) => assert_eq!(passed, (tier.to_owned(), 11 * CASES), "{}", board.name),
            Err(error @ (BoardError::NoQemu { .. } | BoardError::NoToolchain { .. })) => {
                println!("skipped: {error}")
            }
            Err(error) => panic!("{}: {error}", board.name),
        }
    }
}

#[test]
fn digits_on_the_smallest_the_usual_and_the_largest_core() {
    equal(Network::Digits, &SCHEMES, &["microbit", "mps2-an386", "mps3-an547", "virt-rv32imc"]);
}

#[test]
fn keyword_spotting_on_every_core() {
    equal(Network::Kws, &SCHEMES, &["mps2-an386"]);
    let others = ["mps2-an385-v6m", "mps2-an385", "mps2-an500", "mps2-an505", "mps3-an547", "virt-rv32imc"];
    equal(Network::Kws, &["w8a8", "w4a4"], &others);
}

#[test]
fn resnet8_on_the_usual_boards() {
    equal(Network::ResNet8, &SCHEMES, &["mps2-an386", "virt-rv32imc"]);
}

#[test]
fn resnet20_on_the_usual_board() {
    equal(Network::ResNet20, &SCHEMES, &["mps2-an386"]);
}

/// A model with one byte of a step's weights changed so that the step's output changes; the golden vectors stay.
fn damage(bytes: &AlignedBytes, step: usize, inputs: &[Vec<u8>]) -> AlignedBytes {
    let model = load(bytes);
    let weights = model.steps().nth(step).and_then(|s| s.op.accumulate().map(|a| a.weights));
    let weights = weights.expect("the step has weights");
    let start = section(bytes.as_slice(), SectionKind::Const).start + weights.offset as usize;
    let before = host_traces(&model, inputs).expect("runs");
    for byte in start..start + weights.bytes as usize {
        let mut damaged = bytes.clone();
        damaged.as_mut_slice()[byte] ^= 0x55;
        assert!(fix_crc(damaged.as_mut_slice()));
        let after = host_traces(&load(&damaged), inputs).expect("runs");
        // A step that saturates or is clipped does not show every weight.
        if after[0].crcs[step] != before[0].crcs[step] {
            return damaged;
        }
    }
    panic!("no weight of step {step} matters");
}

#[test]
fn bisect_names_the_damaged_step() {
    for (network, scheme, board) in [
        (Network::Digits, "w8a8", "microbit"),
        (Network::Kws, "w8a8", "mps2-an385-v6m"),
        (Network::ResNet20, "w4a4", "mps2-an386"),
    ] {
        let packed_for = Board::find(board).expect("is a board");
        let Some(outcome) = network.quantized_for(scheme, Score::Few, packed_for) else { continue };
        let model = load(&outcome.model);
        let weighted: Vec<usize> = model
            .steps()
            .enumerate()
            .filter(|(_, step)| step.op.accumulate().is_some())
            .map(|(i, _)| i)
            .collect();
        let step = weighted[weighted.len() / 2];
        let damaged = damage(&outcome.model, step, &outcome.inputs);
        let model = load(&damaged);
        let (inputs, golden) = golden_traces(&model);
        assert_eq!(inputs, outcome.inputs);
        let host = host_traces(&model, &inputs).expect("runs");
        let device = on_board(board, damaged.as_slice(), &inputs).map(board_traces);
        for traces in [Some(host), device].into_iter().flatten() {
            let difference = compare(&model, &golden, &traces).expect("the damage shows");
            println!("{network:?} {scheme}: {difference}");
            assert_eq!(difference.input, 0);
            let named = matches!(&difference.what, What::Step { step: s, name, .. } if *s == step && !name.is_empty());
            assert!(named, "{network:?}: step {step}, found {difference}");
        }
    }
}

/// The board's loader refuses these bytes, and says so in words that start like this.
fn refused(board: &'static Board, bytes: &[u8], start: &str) {
    match run(board, bytes, &[vec![0; 16]], &RunOptions::default()) {
        Err(BoardError::Firmware { message, .. }) => {
            assert!(message.starts_with(start), "{}: {message}", board.name);
        }
        Err(error @ (BoardError::NoQemu { .. } | BoardError::NoToolchain { .. })) => {
            println!("skipped: {error}")
        }
        other => panic!("{}: {other:?}", board.name),
    }
}

#[test]
fn boards_refuse_files_packed_for_other_kernels() {
    let own = ["mps2-an385", "mps2-an386", "mps3-an547"].map(|name| Board::find(name).expect("is a board"));
    for packed_for in own {
        let outcome = Network::Digits.quantized_for("w8a8", Score::Few, packed_for);
        let model = &outcome.expect("the digits are always there").model;
        let layout = load(model).interface().layout;
        assert_eq!(layout, packed_for.layout());
        // Every core runs rows.
        for board in own.into_iter().filter(|board| layout != Layout::Words && board.layout() != layout) {
            let message = format!("model: weight layout {} is not supported", layout as u8);
            refused(board, model.as_slice(), &message);
        }
    }
}

#[test]
fn every_board_refuses_bytes_that_are_no_model() {
    let digits = Network::Digits.quantized("w8a8", Score::Few).expect("the digits are always there");
    let mut damaged = digits.model.as_slice().to_vec();
    damaged[100] ^= 1;
    assert!(Model::load(AlignedBytes::copy(&damaged).as_slice()).is_err());
    for board in BOARDS {
        refused(board, &[0x55; 64], "model: ");
        refused(board, &damaged, "model: ");
        refused(board, &digits.model.as_slice()[..500], "model: ");
    }
}
