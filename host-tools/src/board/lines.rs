//! The firmware's lines, read into a typed result. Unknown keywords are errors: the two sides are built together.

/// What a board did with a model and its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardRun {
    /// Bytes of arena that the board's loader asked for.
    pub arena_bytes: usize,
    /// Steps of the network.
    pub steps: usize,
    /// Bytes of stack used at most, start-up and console included.
    pub stack_bytes: usize,
    /// Bytes of stack that one inference used below its caller; measured in [`super::Mode::Count`] only.
    pub inference_stack_bytes: Option<usize>,
    /// Bytes of stack that there are.
    pub stack_limit_bytes: usize,
    /// One for each input.
    pub runs: Vec<InputRun>,
    /// A kernel tier, and how many conformance cases it passed.
    pub tier: Option<(String, u32)>,
}

/// What one input gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputRun {
    /// CRC-32 of every step's output; empty without a trace.
    pub crcs: Vec<u32>,
    /// The packed output tensor.
    pub output: Vec<u8>,
}

/// Why the lines are not a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// The firmware said `error`.
    Firmware(String),
    /// A line that the firmware does not print.
    Unreadable(String),
    /// No `done` at the end.
    CutShort,
}

/// Reads everything that the firmware printed.
pub(super) fn parse(text: &str, board: &str) -> Result<BoardRun, LineError> {
    let mut result = BoardRun::default();
    let mut done = false;
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(message) = line.strip_prefix("error ") {
            return Err(LineError::Firmware(message.into()));
        }
        if done || read(line, board, &mut result, &mut done).is_none() {
            return Err(LineError::Unreadable(line.into()));
        }
    }
    if done { Ok(result) } else { Err(LineError::CutShort) }
}

fn read(line: &str, board: &str, result: &mut BoardRun, done: &mut bool) -> Option<()> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["board", name] if *name == board => {}
        ["arena", need, _have] => result.arena_bytes = need.parse().ok()?,
        ["steps", steps] => result.steps = steps.parse().ok()?,
        ["input", index] if index.parse() == Ok(result.runs.len()) => result.runs.push(InputRun::default()),
        ["step", index, "crc", crc] => {
            let crcs = &mut result.runs.last_mut()?.crcs;
            if index.parse() != Ok(crcs.len()) {
                return None;
            }
            crcs.push(u32::from_str_radix(crc, 16).ok()?);
        }
        ["output", hex] => result.runs.last_mut()?.output = bytes(hex)?,
        ["stack", used, have] => {
            (result.stack_bytes, result.stack_limit_bytes) = (used.parse().ok()?, have.parse().ok()?);
        }
        ["inference_stack", used] => result.inference_stack_bytes = Some(used.parse().ok()?),
        ["tier", name, cases] => result.tier = Some(((*name).to_owned(), cases.parse().ok()?)),
        ["done"] => *done = true,
        _ => return None,
    }
    Some(())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[high, low]| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "board b\narena 64 128\nsteps 2\ninput 0\nstep 0 crc 9a63969c\nstep 1 crc 00000001\n\
                        output 7f80\ninput 1\noutput 00ff\nstack 1192 4096\ndone\n";

    #[test]
    fn a_whole_run_is_read() {
        let runs = vec![
            InputRun { crcs: vec![0x9a63_969c, 1], output: vec![0x7f, 0x80] },
            InputRun { crcs: vec![], output: vec![0, 0xff] },
        ];
        let expected = BoardRun {
            arena_bytes: 64,
            steps: 2,
            stack_bytes: 1192,
            inference_stack_bytes: None,
            stack_limit_bytes: 4096,
            runs,
            tier: None,
        };
        assert_eq!(parse(GOOD, "b"), Ok(expected));
    }

    #[test]
    fn a_tier_is_read() {
        let run = parse("board b\ntier mve 22\ndone\n", "b").expect("is what firmware prints");
        assert_eq!(run.tier, Some(("mve".to_owned(), 22)));
        assert!(parse("board b\ntier mve x\ndone\n", "b").is_err());
    }

    #[test]
    fn an_error_line_is_the_firmwares_word() {
        assert_eq!(
            parse("board b\nerror model: bad magic\n", "b"),
            Err(LineError::Firmware("model: bad magic".into()))
        );
    }

    #[test]
    fn a_missing_end_is_seen() {
        assert_eq!(parse(GOOD.trim_end_matches("done\n"), "b"), Err(LineError::CutShort));
    }

    #[test]
    fn damaged_lines_are_refused() {
        for (good, bad) in [
            ("board b", "board c"),
            ("step 1 crc 00000001", "step 2 crc 00000001"),
            ("9a63969c", "9a63969x"),
            ("output 7f80", "output 7f8"),
            ("output 7f80", "output 7fé"),
            ("input 1", "input 2"),
            ("arena 64 128", "arena 64"),
        ] {
            let text = GOOD.replace(good, bad);
            assert!(matches!(parse(&text, "b"), Err(LineError::Unreadable(_))), "{bad}");
        }
    }
}
