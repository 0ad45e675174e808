//! Compares what a target computed, step by step, with the host or with the golden vectors of the file.

use std::fmt;

use rayon::prelude::*;
use runtime::Model;

use crate::board::BoardRun;
use crate::integer::{IntegerError, Traced, run_traced};
use crate::quantize::Meta;

/// The first difference between two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Index of the input vector.
    pub input: usize,
    /// What differs there.
    pub what: What,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A step's output.
    Step {
        /// Index of the step.
        step: usize,
        /// Its nodes, where the file names them.
        name: String,
        /// Its operator.
        op: &'static str,
        /// CRC-32 of the reference.
        expected: u32,
        /// CRC-32 of the target.
        got: u32,
    },
    /// The number of steps.
    Steps {
        /// Steps of the reference.
        expected: usize,
        /// Steps of the target.
        got: usize,
    },
    /// The network's output, although every step is equal.
    Output,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input {}: ", self.input)?;
        match &self.what {
            What::Step { step, name, op, expected, got } => {
                write!(
                    f,
                    "first differing step {step} ({op} {name}): expected CRC {expected:08x}, got {got:08x}"
                )
            }
            What::Steps { expected, got } => write!(f, "{got} steps ran, {expected} expected"),
            What::Output => f.write_str("all steps are equal, the output is not"),
        }
    }
}

/// The runs of a board as traces.
pub fn board_traces(run: BoardRun) -> Vec<Traced> {
    run.runs.into_iter().map(|run| Traced { crcs: run.crcs, output: run.output }).collect()
}

/// The host's traces of packed inputs.
///
/// # Errors
/// See [`IntegerError`].
pub fn host_traces(model: &Model, inputs: &[Vec<u8>]) -> Result<Vec<Traced>, IntegerError> {
    inputs.par_iter().map(|input| run_traced(model, input)).collect()
}

/// Golden inputs of a file with their traces.
pub fn golden_traces(model: &Model) -> (Vec<Vec<u8>>, Vec<Traced>) {
    let golden = model.golden();
    let vectors = golden.iter().flat_map(|g| (0..g.len()).filter_map(|i| g.vector(i)));
    vectors
        .map(|vector| {
            let crcs = (0..model.step_count()).filter_map(|step| vector.crc(step)).collect();
            (vector.input.to_vec(), Traced { crcs, output: vector.output.to_vec() })
        })
        .unzip()
}

/// The first difference between a reference and a target, input by input.
pub fn compare(model: &Model, expected: &[Traced], got: &[Traced]) -> Option<Difference> {
    let names = Meta::of(model).map(|meta| meta.steps).unwrap_or_default();
    let missing = (got.len() < expected.len()).then(|| Difference {
        input: got.len(),
        what: What::Steps { expected: model.step_count() as usize, got: 0 },
    });
    let found = expected.iter().zip(got).enumerate().find_map(|(input, (expected, got))| {
        let differs = expected.crcs.iter().zip(&got.crcs).position(|(a, b)| a != b);
        let what = match differs {
            Some(step) => What::Step {
                step,
                name: names.get(step).cloned().unwrap_or_default(),
                op: model.steps().nth(step).map_or("", |s| s.op.name()),
                expected: expected.crcs[step],
                got: got.crcs[step],
            },
            None if expected.crcs.len() != got.crcs.len() => {
                What::Steps { expected: expected.crcs.len(), got: got.crcs.len() }
            }
            None if expected.output != got.output => What::Output,
            None => return None,
        };
        Some(Difference { input, what })
    });
    found.or(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integer::AlignedBytes;

    #[test]
    fn a_target_that_ran_fewer_inputs_differs() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/digits-v1.hawk");
        let bytes = AlignedBytes::copy(&std::fs::read(golden).expect("the file is in the repository"));
        let model = Model::load(bytes.as_slice()).expect("a blessed file loads");
        let (_, traces) = golden_traces(&model);
        assert_eq!(compare(&model, &traces, &traces), None);
        assert_eq!(compare(&model, &traces, &[]).map(|difference| difference.input), Some(0));
    }
}
