//! Firmware under emulation: every board starts, refuses what is no model, and says so.

use host_tools::board::{BOARDS, BoardError, RunOptions, run};

#[test]
fn every_board_refuses_bytes_that_are_no_model() {
    for board in BOARDS {
        let result = run(board, &[0x55; 64], &[vec![0; 16]], &RunOptions::default());
        let message = match &result {
            Err(BoardError::Firmware { message, .. }) => message.as_str(),
            other => panic!("{}: {other:?}", board.name),
        };
        assert!(message.starts_with("model: "), "{}: {message}", board.name);
    }
}
